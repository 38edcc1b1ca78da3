# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may talk to the server: whoever can read the connection file, from this machine."""

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


def bind_address(host: str, port: int) -> str:
    """The ZeroMQ address to bind; port 0 lets the system choose. Raises ServiceError unless the host is loopback."""
    name = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ipaddress.ip_address(name).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ServiceError(
            f"Refusing to listen at {host}: beyond this machine the key and the portraits would travel unencrypted.",
            "Listen at 127.0.0.1 and reach it through an SSH tunnel.",
        )
    if not 0 <= port <= 65535:
        raise ServiceError(f"A port is a number from 0 to 65535, got {port}.")
    shown = f"[{name}]" if ":" in name else name
    return f"tcp://{shown}:{port or '*'}"
