# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection file: how a client finds the backend and proves it may use it.

A backend writes one for clients on its own machine. For another machine, `maquette keys` makes it: with the server's
public key, so that nobody else can answer in its place, and a secret key of the client's own.
"""

import ipaddress
import json
import os
import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from .errors import ErrorCode, ProtocolError

CONNECTION_NAME = "connection.json"
"""Its name inside the backend's store."""

MAX_FILE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a backend listens, and the key to it."""

    address: str
    """As ZeroMQ writes it: tcp://127.0.0.1:40913."""
    key: str = field(repr=False)
    session: str = ""
    """What Welcome.session must say; empty when typed in by hand, then any will do."""
    pid: int = 0
    version: str = ""
    """Software version of the backend."""
    server: str = ""
    """The backend's public key (CURVE), 64 hex digits; empty: unencrypted, which only loopback may be."""
    secret: str = field(default="", repr=False)
    """The client's own secret key."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def is_curve_key(text: object) -> bool:
    """Whether it is written as a public or secret key: 64 hex digits."""
    return isinstance(text, str) and re.fullmatch("[0-9a-f]{64}", text) is not None


def is_loopback(address: str) -> bool:
    """Whether a ZeroMQ address stays on this machine."""
    try:
        parts = urlsplit(address)
        if parts.scheme in ("ipc", "inproc") or parts.hostname == "localhost":
            return True
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def default_store() -> Path:
    """The folder in which a backend keeps its state unless told otherwise; MAQUETTE_STATE moves it."""
    if chosen := os.environ.get("MAQUETTE_STATE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "maquette"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "maquette"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "maquette"


def read_connection(path: Path) -> Connection:
    """The connection in the file. Raises ProtocolError with a sentence: absent, readable by others, or damaged."""
    try:
        with open(path, "rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                raise ProtocolError(
                    ErrorCode.WRONG_KEY, f"{path} can be read by other users; its key is not safe. Restart the backend."
                )
            entries = json.loads(file.read(MAX_FILE_BYTES))
        values = {name: entries[name] for name in ("address", "key", "session", "pid", "version")}
        values |= {name: entries.get(name, "") for name in ("server", "secret")}
        kinds = {"pid": int}
        if not all(isinstance(value, kinds.get(name, str)) for name, value in values.items()):
            raise ValueError
        keys = (values["server"], values["secret"])
        if any(keys) and not all(map(is_curve_key, keys)):
            raise ValueError
        return Connection(**values)
    except FileNotFoundError as error:
        raise ProtocolError(ErrorCode.NOT_READY, f"No backend runs here: {path} does not exist.") from error
    except OSError as error:
        raise ProtocolError(ErrorCode.NOT_READY, f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ProtocolError(ErrorCode.BAD_MESSAGE, f"{path} is no connection file; restart the backend.") from error
