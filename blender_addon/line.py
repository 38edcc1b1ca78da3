# SPDX-License-Identifier: GPL-3.0-or-later
"""The socket under a client: the seam to the network, and ZeroMQ behind it."""

import os
import struct
from typing import Any, Protocol

from .protocol import Connection, ErrorCode, ProtocolError

MAX_MESSAGE_BYTES = 65 << 20
BROKEN_HANDSHAKES = 3
"""One may break off because the backend just ends; so many in a row mean that it does not want us."""


class Socket(Protocol):
    """The seam to the network; tests pass one of their own."""

    def send(self, frames: list[bytes | memoryview]) -> bool:
        """False if it cannot be taken now."""

    def receive(self) -> list[Any] | None:
        """The frames of one message, or None at once."""

    def wait(self, seconds: float) -> bool:
        """Whether a message came within that time."""

    def turned_away(self) -> str:
        """Why the other side does not let us in, one sentence; empty as long as it may."""

    def close(self, linger: float = 0.0) -> None:
        """Leaves; what was sent last gets so many seconds to go out."""


class ZmqSocket:
    """A DEALER socket in a context of its own; encrypted (CURVE) where the connection names the server's key."""

    def __init__(self, connection: Connection) -> None:
        try:
            import zmq
            from zmq.utils import z85
        except ImportError as error:
            raise ProtocolError(
                ErrorCode.NOT_READY, f"pyzmq cannot be loaded ({error}); reinstall Maquette."
            ) from error
        self._zmq = zmq
        address = connection.address
        self._encrypted = bool(connection.server)
        self._broken = 0
        if self._encrypted and not zmq.has("curve"):
            raise ProtocolError(ErrorCode.NOT_READY, "This pyzmq cannot encrypt (no CURVE); reinstall Maquette.")
        self._context = zmq.Context(io_threads=1)
        self._dealer = self._context.socket(zmq.DEALER)
        # The backend knows a greeted client by this id, so nobody may guess it; ids starting with 0 are ZeroMQ's own.
        self._dealer.setsockopt(zmq.ROUTING_ID, b"\x01" + os.urandom(15))
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.SNDHWM, 64),
            (zmq.RCVHWM, 64),
            (zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES),
            (zmq.IPV6, int("[" in address)),
        ):
            self._dealer.setsockopt(option, value)
        if self._encrypted:
            public = z85.decode(zmq.curve_public(z85.encode(bytes.fromhex(connection.secret))))
            self._dealer.setsockopt(zmq.CURVE_SERVERKEY, bytes.fromhex(connection.server))
            self._dealer.setsockopt(zmq.CURVE_PUBLICKEY, public)
            self._dealer.setsockopt(zmq.CURVE_SECRETKEY, bytes.fromhex(connection.secret))
        # A handshake that fails looks like silence from here: only the socket's monitor tells them apart.
        self._monitor = self._dealer.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_FAILED_AUTH
            | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
            | zmq.EVENT_HANDSHAKE_SUCCEEDED
        )
        try:
            self._dealer.connect(address)
        except zmq.ZMQError as error:
            self.close()
            sentence = f"{address!r} is no address of a backend ({error}); write it like tcp://127.0.0.1:5555."
            raise ProtocolError(ErrorCode.BAD_REQUEST, sentence) from error

    def send(self, frames: list[bytes | memoryview]) -> bool:
        try:
            self._dealer.send_multipart(frames, self._zmq.DONTWAIT, copy=True)
        except self._zmq.Again:
            return False
        return True

    def receive(self) -> list[Any] | None:
        try:
            frames = self._dealer.recv_multipart(self._zmq.DONTWAIT, copy=False)
        except self._zmq.Again:
            return None
        return [frame.buffer for frame in frames]

    def wait(self, seconds: float) -> bool:
        return bool(self._dealer.poll(int(seconds * 1000)))

    def turned_away(self) -> str:
        while self._monitor.poll(0):
            (event,) = struct.unpack_from("=H", self._monitor.recv_multipart()[0])
            if event == self._zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                return "This client's key is not on the backend's list; give its public key to who runs the backend."
            if event == self._zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:  # libzmq does not try that again
                self._broken = BROKEN_HANDSHAKES
            self._broken = 0 if event == self._zmq.EVENT_HANDSHAKE_SUCCEEDED else self._broken + 1
        if self._broken < BROKEN_HANDSHAKES:
            return ""
        if self._encrypted:
            return "What answers there has another key than the one this connection file was made for."
        return "What answers there wants an encrypted line, or is no Maquette backend."

    def close(self, linger: float = 0.0) -> None:
        self._dealer.disable_monitor()
        self._monitor.close(linger=0)
        self._dealer.close(linger=int(linger * 1000))
        self._context.term()
