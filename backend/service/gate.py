# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may come in from beyond this machine: CURVE on the socket, and a list of clients' public keys, asked first.

ZeroMQ's ZAP (RFC 27): libzmq asks `inproc://zeromq.zap.01` about every handshake before it lets a single message
through. The answering socket is bound before the server's own, and the server's enforces its domain, because libzmq
takes a missing answerer for a yes where nobody says otherwise.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import zmq

from .errors import ServiceError
from .keys import KeyPair
from .rarely import Rarely

log = logging.getLogger(__name__)

ZAP_ADDRESS = "inproc://zeromq.zap.01"
DOMAIN = b"maquette"
LOOK_SECONDS = 1.0
"""Between two looks at the list; a key that was taken off it is out after so long."""
MAX_LIST_BYTES = 1 << 20
LINE = re.compile(r"([0-9a-f]{64})(?:\s+(.*))?")


class AllowList:
    """Public keys in a text file, one per line, each followed by whose it is; lines that start with # are comments.

    The file is read again when it changes. While it cannot be read, nobody is on it.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises ServiceError where the file is absent, others may write it, or a line is no key."""
        self.path, self._clock = path, clock
        self._stamp, self._names = _read(path)
        self._looked = clock()
        if not self._names:
            log.warning("%s lists no client yet", path)

    def __contains__(self, key: str) -> bool:
        self._look()
        return key in self._names

    def name(self, key: str) -> str:
        """Whose key it is, as the file says."""
        return self._names.get(key, "")

    def _look(self) -> None:
        now = self._clock()
        if now < self._looked + LOOK_SECONDS:
            return
        self._looked = now
        try:
            if _stamp(self.path) != self._stamp:
                self._stamp, self._names = _read(self.path)
                log.info("%s was read again: %d clients", self.path, len(self._names))
        except (OSError, ServiceError) as error:
            if self._names or self._stamp:
                log.error("nobody is let in until the list can be read: %s", error)
            self._stamp, self._names = (), {}


class Gate:
    """The answerer. Make it before the socket it guards is bound; call `answer` whenever its socket is readable."""

    def __init__(
        self, context: "zmq.Context[Any]", allowed: AllowList, pair: KeyPair, local: Collection[str] = ()
    ) -> None:
        self._allowed, self._pair, self._local = allowed, pair, frozenset(local)
        """`local`: clients that read this machine's connection file."""
        self._warn = Rarely(log)
        self.socket = context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(ZAP_ADDRESS)

    def guard(self, socket: "zmq.Socket[Any]") -> None:
        """Whoever connects to the socket, once bound, must encrypt to the server's key and be admitted."""
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, bytes.fromhex(self._pair.secret))
        socket.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)

    def admits(self, key: str) -> bool:
        """Whether a client of this public key may come in, or stay."""
        return key in self._local or key in self._allowed

    def account(self, key: str) -> str:
        """Whom a client of this key speaks for: "", who may do everything, is who reads the connection file."""
        return "" if key in self._local else key

    def name(self, key: str) -> str:
        """Whose key it is."""
        return "this machine" if key in self._local else self._allowed.name(key) or "unnamed"

    def answer(self) -> None:
        """Answers the handshakes that wait. Never blocks."""
        while True:
            try:
                request = self.socket.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            self.socket.send_multipart(self._verdict(request))

    def close(self) -> None:
        self.socket.close()

    def _verdict(self, request: list[bytes]) -> list[bytes]:
        version, number, domain, address, _, mechanism, *credentials = [*request, *[b""] * 6][: max(len(request), 6)]
        key = credentials[0].hex() if credentials else ""
        if (version, domain, mechanism) == (b"1.0", DOMAIN, b"CURVE") and len(credentials) == 1 and self.admits(key):
            return [b"1.0", number, b"200", b"OK", key.encode(), b""]
        self._warn.warning(
            "a client that is not on the list was turned away: key %s, from %s",
            key[:64],
            address.decode(errors="replace"),
        )
        return [b"1.0", number, b"400", b"The client's key is not on the allow-list.", b"", b""]


def _stamp(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> tuple[tuple[int, ...], dict[str, str]]:
    hint = "It is a text file with one public key per line; `maquette keys` makes them."
    try:
        stamp = _stamp(path)
        if os.name == "posix" and path.stat().st_mode & 0o022:
            raise ServiceError(
                f"{path} can be written by other users, who could let themselves in.", f"Run chmod go-w {path}."
            )
        with open(path, "rb") as file:
            text = file.read(MAX_LIST_BYTES).decode()
    except OSError as error:
        raise ServiceError(f"The list of allowed clients {path} cannot be read: {error.strerror}.", hint) from error
    except UnicodeDecodeError as error:
        raise ServiceError(f"The list of allowed clients {path} is no text.", hint) from error
    names = {}
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line and not line.startswith("#"):
            if (found := LINE.fullmatch(line)) is None:
                raise ServiceError(f"Line {number} of {path} is no public key of 64 hex digits.", hint)
            names[found[1]] = found[2] or ""
    return stamp, names
