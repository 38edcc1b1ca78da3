# SPDX-License-Identifier: GPL-3.0-or-later
"""CURVE keys: the server's own pair, a client's, and the file that a client connects by.

A key is written as 64 hex digits, which no shell, JSON or comment sign gets in the way of. A public key may be shown
to anyone; a secret one stays in a file that only its owner can read, and never crosses the wire.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq
from zmq.utils import z85

from blender_addon.protocol import Connection, is_curve_key

from .connection import write_private
from .errors import ServiceError

SERVER_KEYS = "server-keys.json"
"""In the store; made at the first start that needs it, and kept, so that clients can pin the public key."""
MAX_FILE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class KeyPair:
    """One side of an encrypted line."""

    public: str
    secret: str = field(repr=False)


def new_pair() -> KeyPair:
    """A pair that nobody else has. Raises ServiceError where this libzmq cannot encrypt."""
    if not zmq.has("curve"):
        raise ServiceError(
            "This ZeroMQ library was built without encryption (CURVE).", "Install pyzmq from its own wheels."
        )
    public, secret = (z85.decode(each).hex() for each in zmq.curve_keypair())
    return KeyPair(public, secret)


def public_of(secret: str) -> str:
    """The public key that belongs to a secret one."""
    return str(z85.decode(zmq.curve_public(z85.encode(bytes.fromhex(secret)))).hex())


def server_pair(store: Path) -> KeyPair:
    """The server's own pair, made where there is none yet.

    Raises ServiceError where others can read the secret, or the file is damaged: who pinned the old key must hear of a
    new one from a person, not from whoever emptied the file.
    """
    path = store / SERVER_KEYS
    if not path.exists():
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
        pair = new_pair()
        write_private(path, json.dumps({"public": pair.public, "secret": pair.secret}))
        return pair
    try:
        with open(path, "rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                raise ServiceError(
                    f"{path} can be read by other users, so its secret key is none any more.",
                    "Delete it, start again, and give the clients the new public key.",
                )
            entries: Any = json.loads(file.read(MAX_FILE_BYTES))
        pair = KeyPair(entries["public"], entries["secret"])
        if not (is_curve_key(pair.secret) and public_of(pair.secret) == pair.public):
            raise ValueError
    except OSError as error:
        raise ServiceError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ServiceError(
            f"{path} is damaged.", "Bring it back, or delete it and give the clients the new public key."
        ) from error
    return pair


def write_client_file(path: Path, address: str, server: str) -> str:
    """Writes what a client connects by, with a new pair of its own, and returns its public key for the allow-list.

    Raises ServiceError, also where there is a file already: it holds a secret that is nowhere else.
    """
    if not is_curve_key(server):
        raise ServiceError(
            "A server's public key is 64 hex digits.", "`maquette keys` shows it on the server's machine."
        )
    if not address.startswith("tcp://") or ":" not in address.removeprefix("tcp://"):
        raise ServiceError(f"{address!r} is no address of a backend.", "Write it like tcp://192.168.1.20:5555.")
    if path.exists():
        raise ServiceError(f"{path} is there already.", "Choose another name, or delete it with the key it holds.")
    pair = new_pair()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, Connection(address, "", server=server, secret=pair.secret).to_json())
    except OSError as error:
        raise ServiceError(f"{path} cannot be written: {error.strerror}.") from error
    return pair.public
