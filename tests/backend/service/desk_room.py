# SPDX-License-Identifier: GPL-3.0-or-later
"""A desk among clients that only listen and a worker that only says what a test tells it to."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from backend.service.audience import Audience, Sent
from backend.service.desk import Desk
from backend.service.pool import News, State, Worker
from backend.service.store import Store
from blender_addon.protocol import (
    Event,
    Failed,
    Finished,
    JobRequest,
    MeshReady,
    decode_event,
    encode,
)

ANNA, BERT = b"anna", b"bert"
MESH = MeshReady("a", np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), np.zeros((3, 2), np.float32))


class Hands:
    """A pool of one worker without a process."""

    def __init__(self) -> None:
        self.workers = [Worker("cpu", state=State.IDLE)]
        self.given: list[JobRequest] = []
        self.cancelled: list[str] = []

    def idle(self) -> Worker | None:
        return self.workers[0] if self.workers[0].state is State.IDLE else None

    def hopeless(self) -> Failed | None:
        return self.workers[0].problem

    def retry(self) -> None: ...

    def wake(self) -> None:
        if self.workers[0].state is State.ASLEEP:
            self.workers[0].state = State.IDLE

    def rest(self) -> bool:
        if self.workers[0].state is State.IDLE:
            self.workers[0].state = State.ASLEEP
        return self.workers[0].state is State.ASLEEP

    def give(self, worker: Worker, request: JobRequest) -> None:
        worker.state, worker.job_id, worker.request, worker.kill_at = State.BUSY, request.job_id, request, None
        self.given.append(request)

    def cancel(self, job_id: str) -> bool:
        self.cancelled.append(job_id)
        self.workers[0].kill_at = 1.0 if job_id == self.workers[0].job_id else self.workers[0].kill_at
        return job_id == self.workers[0].job_id


class Room:
    """A desk with what it needs, and the ears of its clients."""

    def __init__(self, folder: Path) -> None:
        self.heard: dict[bytes, list[Event]] = {ANNA: [], BERT: []}
        self.store, self.hands = Store(folder), Hands()
        self.audience = Audience(self._send)
        for identity in self.heard:
            self.audience.greet(identity, "")
        self.now = 0.0
        self.desk = Desk(self.store, self.audience, self.hands, lambda: time.monotonic() + self.now)  # type: ignore[arg-type]

    def _send(self, identity: bytes, frames: Sequence[Any]) -> Sent:
        self.heard[identity].append(decode_event(frames))
        return Sent.YES

    def ask(self, message: Any, identity: bytes = ANNA) -> None:
        self.desk.act(identity, message)
        self.desk.dispatch()

    def work(self, event: Event) -> None:
        """The worker says something."""
        worker = self.hands.workers[0]
        ended = isinstance(event, (Finished, Failed))
        if ended:
            worker.state, worker.job_id = State.IDLE, ""
        self.desk.heed(News("event", worker, event, encode(event)))
        if ended:
            self.desk.heed(News("changed", worker))
        self.desk.dispatch()

    def ears(self, identity: bytes = ANNA) -> list[Event]:
        heard, self.heard[identity] = self.heard[identity], []
        return heard
