# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the server may listen, and the key of the connection file.

On this machine: who can read the connection file may talk to the server. Anywhere else: `gate`.
"""

import hmac
import ipaddress
import secrets

from .errors import ServiceError

KEY_BYTES = 32


def new_key() -> str:
    """A key that nobody can guess, as text."""
    return secrets.token_hex(KEY_BYTES)


def same_key(given: str, key: str) -> bool:
    """Whether the keys agree, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(given.encode(), key.encode())


def new_session() -> str:
    """A name for one run of the server."""
    return secrets.token_hex(8)


def bind_address(host: str, port: int, guarded: bool = False) -> str:
    """The ZeroMQ address to bind; port 0 lets the system choose.

    Raises ServiceError unless the host is loopback, or a number of this machine's and the line is `guarded`: encrypted,
    for clients on a list.
    """
    name = {"localhost": "127.0.0.1", "*": "0.0.0.0"}.get(host, host)
    try:
        number = ipaddress.ip_address(name)
    except ValueError as error:
        if not guarded:
            raise _unguarded(host) from error
        sentence = f"{host!r} is no address to listen at."
        raise ServiceError(sentence, "Write it in numbers; 0.0.0.0 means all of this machine's.") from error
    if not (number.is_loopback or guarded):
        raise _unguarded(host)
    if not 0 <= port <= 65535:
        raise ServiceError(f"A port is a number from 0 to 65535, got {port}.")
    shown = f"[{name}]" if ":" in name else name
    return f"tcp://{shown}:{port or '*'}"


def local_address(endpoint: str) -> str:
    """How clients on this machine reach what is bound: at all its addresses means at loopback, too."""
    return endpoint.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _unguarded(host: str) -> ServiceError:
    return ServiceError(
        f"Refusing to listen at {host}: beyond this machine the key and the portraits would travel unencrypted.",
        "Name the clients' public keys with --allow, or listen at 127.0.0.1 and reach it through an SSH tunnel.",
    )
