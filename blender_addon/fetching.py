# SPDX-License-Identifier: GPL-3.0-or-later
"""Results that come in pieces, put together again: asked for on credit, gone on with after a break, checked by digest.

Pure: events in, events and requests out. Order is kept within a job: what comes behind a result that is still being
fetched waits for it, but for progress. A newer texture takes the place of one that is not there yet.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from .protocol import (
    Accepted,
    Chunk,
    ErrorCode,
    Event,
    Failed,
    Fetch,
    Finished,
    MeshReady,
    Progressed,
    ProtocolError,
    Refused,
    Request,
    Stored,
    TextureReady,
    decode_event,
    unpack,
)

AHEAD = 8
"""Pieces that may be asked for and not there yet, where the backend does not say."""
TRIES = 2
"""Times a result is fetched whose digest is wrong."""


@dataclass(slots=True)
class Part:
    """What is there of one result."""

    stored: Stored
    run: bytearray = field(default_factory=bytearray)
    asked: list[int] = field(default_factory=list)
    """Offsets of pieces that are on their way, in order."""
    tries: int = 1


class Fetching:
    """The results of one client that are on their way. `requests` are to be sent, in order."""

    def __init__(self, chunk_bytes: int = 256 << 10, ahead: int = AHEAD) -> None:
        self.chunk_bytes, self.ahead = chunk_bytes, ahead
        self.requests: deque[Request] = deque()
        self._parts: dict[str, Part] = {}
        """By digest; those of lost connections are kept, and gone on with when they are named again."""
        self._held: dict[str, list[Event]] = {}
        """Per job: results that are not there yet, and what must not come before them."""

    def begin(self, limits: dict[str, object]) -> None:
        """A new connection: what was asked for over the old one does not come."""
        for name, attribute in (("chunk_bytes", "chunk_bytes"), ("chunk_ahead", "ahead")):
            if isinstance(value := limits.get(name), int) and value > 0:
                setattr(self, attribute, value)
        self.requests.clear()
        self._held.clear()
        for part in self._parts.values():
            part.asked.clear()

    def take(self, event: Event) -> Iterator[Event]:
        """What the event brings, in order: itself, or what it completes."""
        if isinstance(event, Stored):
            yield from self._name(event)
        elif isinstance(event, Chunk):
            yield from self._add(event)
        elif (job_id := getattr(event, "job_id", "")) not in self._held or isinstance(event, (Progressed, Accepted)):
            yield event
        elif isinstance(event, Refused) and event.code == ErrorCode.NOT_STORED:
            yield from self._drop(job_id)
        else:
            self._held[job_id].append(event)

    def _name(self, stored: Stored) -> Iterator[Event]:
        held = self._held.setdefault(stored.job_id, [])
        # The latest texture only; the mesh is needed in any case.
        late = [each for each in held if isinstance(each, Stored) and each.kind == stored.kind == "TextureReady"]
        for each in late:
            held.remove(each)
            self._parts.pop(each.digest, None)
        if not any(isinstance(each, Stored) and each.digest == stored.digest for each in held):
            held.append(stored)
        part = self._parts.setdefault(stored.digest, Part(stored))
        self._ask(part)
        yield from self._deliver(stored.job_id)

    def _add(self, chunk: Chunk) -> Iterator[Event]:
        part = self._parts.get(chunk.digest)
        if part is None or chunk.offset not in part.asked:
            return
        part.asked.remove(chunk.offset)
        if chunk.offset == len(part.run):
            part.run += chunk.content
        if len(part.run) >= part.stored.size:
            part.asked.clear()
            if hashlib.sha256(part.run).hexdigest() == part.stored.digest:
                yield from self._deliver(chunk.job_id)
                return
            part.tries += 1
            part.run.clear()
            if part.tries > TRIES:
                yield self._damaged(part)
                return
        self._ask(part)

    def _ask(self, part: Part) -> None:
        """Uses the credit that is left."""
        size, step = part.stored.size, self.chunk_bytes
        following = part.asked[-1] + step if part.asked else len(part.run)
        while len(part.asked) < self.ahead and following < size:
            part.asked.append(following)
            self.requests.append(Fetch(part.stored.job_id, part.stored.digest, following))
            following += step

    def _deliver(self, job_id: str) -> Iterator[Event]:
        """What is there, up to the first result that is not."""
        held = self._held.get(job_id, [])
        while held:
            event = held[0]
            if isinstance(event, Stored):
                part = self._parts.get(event.digest)
                if part is None or len(part.run) < event.size:
                    return
                del self._parts[event.digest]
                try:
                    event = decode_event(unpack(bytes(part.run)))
                    if not isinstance(event, (MeshReady, TextureReady)) or event.job_id != job_id:
                        raise ProtocolError(ErrorCode.BAD_MESSAGE, "What was fetched is no result of this job.")
                except ProtocolError as error:
                    self._held.pop(job_id, None)
                    yield Failed(job_id, ErrorCode.INTERNAL, str(error), "Install the same Maquette on both sides.")
                    return
            held.pop(0)
            if isinstance(event, (Finished, Failed)):
                self._held.pop(job_id, None)
            yield event
        self._held.pop(job_id, None)

    def _drop(self, job_id: str) -> Iterator[Event]:
        """A result is not there any more: a newer one was named by now, or will be."""
        for each in [each for each in self._held[job_id] if isinstance(each, Stored)]:
            part = self._parts.get(each.digest)
            if part is None or len(part.run) < each.size:
                self._held[job_id].remove(each)
                self._parts.pop(each.digest, None)
        yield from self._deliver(job_id)

    def _damaged(self, part: Part) -> Failed:
        job_id = part.stored.job_id
        self._held.pop(job_id, None)
        self._parts.pop(part.stored.digest, None)
        hint = "Fetch it again; if that does not help, look at the network."
        return Failed(job_id, ErrorCode.INTERNAL, "The result was damaged on its way, twice.", hint)
