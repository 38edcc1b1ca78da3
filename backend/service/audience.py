# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients a server knows, the jobs each follows, and what each is still owed.

Nothing is lost to a slow client and nothing piles up for it: progress and textures are latest-only, a texture is sent
when the one before was applied, everything else waits in the client's outbox until the socket takes it.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

MAX_CLIENTS = 64
MAX_OUTBOX = 512
"""Messages; a client that takes none of them for so long is forgotten and may come back."""

Frames = Sequence[Any]


class Sent(Enum):
    """What became of a message."""

    YES = "yes"
    LATER = "the socket is full"
    GONE = "no such client"


@dataclass(slots=True)
class Credit:
    """One client's texture traffic of one job."""

    in_flight: int | None = None
    """Level sent and not yet applied."""
    waiting: tuple[int, Frames] | None = None
    """Latest level that came meanwhile."""


@dataclass(slots=True)
class Client:
    """One greeted connection."""

    name: str
    heard: float
    account: str = ""
    """The public key that it proved to hold, "" for who reads this machine's connection file."""
    outbox: deque[tuple[str, Frames]] = field(default_factory=deque)
    """(what may be replaced by a later one of the same name, or "", frames)."""
    chunks: bool = False
    """It fetches results in pieces."""
    credits: dict[str, Credit] = field(default_factory=dict)
    """Per job that is followed."""


class Audience:
    """`send(identity, frames)` is the socket."""

    def __init__(self, send: Callable[[bytes, Frames], Sent], clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._clients: dict[bytes, Client] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def greet(self, identity: bytes, name: str, account: str = "", chunks: bool = False) -> None:
        """From now on known; the most silent client makes room where there are too many."""
        if identity not in self._clients and len(self._clients) >= MAX_CLIENTS:
            self.forget(min(self._clients, key=lambda each: self._clients[each].heard))
        self._clients[identity] = Client(name, self._clock(), account, chunks=chunks)

    def account(self, identity: bytes) -> str:
        """Whom the client speaks for; "" for who may do everything."""
        client = self._clients.get(identity)
        return client.account if client else ""

    def share(self, identity: bytes) -> str:
        """With whom it shares its turns: all who hold the same key, or itself alone."""
        return self.account(identity) or identity.hex()

    def fetches(self, identity: bytes) -> bool:
        """Whether the client wants its results in pieces."""
        client = self._clients.get(identity)
        return client is not None and client.chunks

    def owed(self, identity: bytes) -> int:
        """Messages that wait for the client's line."""
        client = self._clients.get(identity)
        return len(client.outbox) if client else 0

    def shares(self) -> set[str]:
        """Those of all clients that are known."""
        return {self.share(identity) for identity in self._clients}

    def hear(self, identity: bytes) -> bool:
        """Whether the client is known; notes that it lives."""
        if client := self._clients.get(identity):
            client.heard = self._clock()
        return client is not None

    def forget(self, identity: bytes) -> None:
        """The client left; what it was owed stays in the store."""
        self._clients.pop(identity, None)

    def forget_silent(self, seconds: float) -> None:
        """Forgets clients not heard of for so long."""
        limit = self._clock() - seconds
        for identity in [each for each, client in self._clients.items() if client.heard < limit]:
            self.forget(identity)

    def follow(self, identity: bytes, job_id: str) -> None:
        """The client hears of the job from now on, with fresh credit."""
        self._clients[identity].credits[job_id] = Credit()

    def followers(self, job_id: str) -> list[bytes]:
        """Who follows the job."""
        return [identity for identity, client in self._clients.items() if job_id in client.credits]

    def everyone(self) -> list[bytes]:
        return list(self._clients)

    def tell(self, identity: bytes, frames: Frames, replaces: str = "") -> None:
        """Sends, or keeps until the socket takes it; `replaces` names what a later message makes worthless."""
        client = self._clients.get(identity)
        if client is None:
            return
        if not client.outbox:
            sent = self._send(identity, frames)
            if sent is Sent.GONE:
                self._lose(client)
            if sent is not Sent.LATER:
                return
        if replaces:
            client.outbox = deque(each for each in client.outbox if each[0] != replaces)
        client.outbox.append((replaces, frames))
        if len(client.outbox) > MAX_OUTBOX:
            self.forget(identity)

    def tell_texture(self, identity: bytes, job_id: str, level: int, frames: Frames, final: bool) -> None:
        """Sends the texture if the client has credit or it is the last one; else the latest waits."""
        credit = self._credit(identity, job_id)
        if credit is None:
            return
        if credit.in_flight is None or final:
            credit.in_flight, credit.waiting = level, None
            self.tell(identity, frames)
        else:
            credit.waiting = (level, frames)

    def applied(self, identity: bytes, job_id: str, level: int) -> None:
        """The client shows this level: the next may follow."""
        credit = self._credit(identity, job_id)
        if credit is None or credit.in_flight is None or level < credit.in_flight:
            return
        credit.in_flight = None
        if credit.waiting:
            waiting_level, frames = credit.waiting
            self.tell_texture(identity, job_id, waiting_level, frames, final=False)

    def end(self, job_id: str, frames: Frames) -> None:
        """The job's last message, to all its followers, behind a texture that still waits."""
        for identity in self.followers(job_id):
            credit = self._credit(identity, job_id)
            if credit and credit.waiting:
                self.tell(identity, credit.waiting[1])
            self.tell(identity, frames)
            if client := self._clients.get(identity):
                client.credits.pop(job_id, None)

    def flush(self) -> bool:
        """Tries the outboxes again; whether something still waits."""
        for identity, client in list(self._clients.items()):
            while client.outbox:
                sent = self._send(identity, client.outbox[0][1])
                if sent is Sent.LATER:
                    break
                if sent is Sent.GONE:
                    self._lose(client)
                    break
                client.outbox.popleft()
        return any(client.outbox for client in self._clients.values())

    def _lose(self, client: Client) -> None:
        """Its line is cut, so it is owed nothing more; but what it sent before that is still acted on."""
        client.outbox.clear()
        client.credits.clear()

    def _credit(self, identity: bytes, job_id: str) -> Credit | None:
        client = self._clients.get(identity)
        return client.credits.get(job_id) if client else None
