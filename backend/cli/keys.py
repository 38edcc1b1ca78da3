# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette keys`: what an encrypted line to another machine needs."""

from dataclasses import dataclass
from pathlib import Path

from .frame import Complaint


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Show the public key of this machine's backend; or, with --out, make the connection file of a client.

    On the backend's machine, `maquette keys` shows its public key. On the client's, `maquette keys --address
    tcp://HOST:PORT --server KEY --out FILE` writes the file to connect by and shows the line for the backend's list of
    clients. There, `maquette serve --host 0.0.0.0 --port PORT --allow LIST` lets in who is on it.
    """

    store: Path | None = None
    """The backend's folder; by default in the user's state folder."""
    address: str = ""
    """Where the client reaches the backend: tcp://HOST:PORT."""
    server: str = ""
    """The backend's public key."""
    out: Path | None = None
    """The connection file to write; it holds a secret, so only its owner can read it."""
    name: str = ""
    """Whose client it is, for the list."""


def run(flags: Flags) -> None:
    """Prints the public key, alone on its line."""
    from backend.service.keys import server_pair, write_client_file
    from blender_addon.protocol import default_store

    if flags.out is None:
        if flags.address or flags.server:
            raise Complaint("--address and --server belong to a client's file.", "Name it with --out.")
        print(server_pair(flags.store or default_store()).public)
        return
    if not flags.address or not flags.server:
        raise Complaint(
            "A client's file needs --address and --server.", "`maquette keys` on its machine shows the key."
        )
    print(f"{write_client_file(flags.out, flags.address, flags.server)} {' '.join(flags.name.split())}".rstrip())
