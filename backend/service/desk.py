# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs from their submission to their last message: the queue, who works on what, and who is told."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from blender_addon.protocol import (
    Accepted,
    Applied,
    Cancel,
    Discard,
    ErrorCode,
    Event,
    Failed,
    Finished,
    Follow,
    FreeMemory,
    JobRequest,
    JobsListed,
    ListJobs,
    MeshReady,
    Move,
    Progressed,
    ProtocolError,
    TextureReady,
    decode_event,
    encode,
)

from .audience import Audience
from .errors import JobError, ServiceError
from .pool import News, Pool
from .store import Store
from .translate import avatar_request

log = logging.getLogger(__name__)

MAX_QUEUE = 32
MAX_ATTEMPTS = 2
"""Times a job is begun; one whose server went down twice while it ran may be the cause."""
LISTED = 100
"""Jobs that the answer to Discard lists."""
WAKING = "starting the worker"
"""Stage of a job that waits for its worker to load."""


Wish = JobRequest | Follow | Cancel | Applied | ListJobs | Move | Discard | FreeMemory


class Desk:
    """What clients want of jobs, what workers make of them."""

    def __init__(self, store: Store, audience: Audience, pool: Pool) -> None:
        self._store, self._audience, self._pool = store, audience, pool
        self._queue: deque[str] = deque()
        self._progress: dict[str, Sequence[Any]] = {}
        """Latest frames of Progressed per unfinished job, for who follows later."""
        self._told: dict[str, int] = {}
        """Places as last told."""

    def act(self, identity: bytes, message: Wish) -> None:
        """Does what a greeted client asks. Raises ServiceError or RequestError, with the reason why not."""
        match message:
            case JobRequest():
                self._submit(identity, message)
            case Follow(job_id=job_id):
                if not self._store.knows(job_id):
                    sentence = "This backend does not know that avatar's job (any more)."
                    raise JobError(ErrorCode.UNKNOWN_JOB, sentence, "Generate it again.")
                self._replay(identity, job_id)
            case Cancel(job_id=job_id):
                self._cancel(job_id)
            case Applied(job_id=job_id, level=level):
                self._audience.applied(identity, job_id, level)
            case ListJobs(limit=limit):
                self._list(identity, limit)
            case Move(job_id=job_id, place=place):
                self._move(job_id, place)
            case Discard(job_id=job_id):
                if not self._store.discard(job_id):
                    sentence = "There is nothing to delete: that job is not over, or not stored here."
                    raise JobError(ErrorCode.UNKNOWN_JOB, sentence)
                self._list(identity, LISTED)
            case FreeMemory():
                self._pool.rest()

    def heed(self, news: News) -> None:
        """Passes on what a worker did."""
        if news.kind == "event":
            self._publish(news.message, news.frames)
        else:
            self._tell_places()
            self._explain_waiting()

    def dispatch(self) -> None:
        """Gives waiting jobs to idle workers; fails them where no worker can start."""
        while self._queue and (problem := self._pool.hopeless()):
            self._publish(Failed(self._queue.popleft(), problem.code, problem.message, problem.hint))
        if self._queue:
            self._pool.wake()
        while self._queue and (worker := self._pool.idle()):
            job_id = self._queue.popleft()
            try:
                request = self._store.begin(job_id)
            except (ServiceError, ProtocolError) as error:
                self._publish(Failed(job_id, ErrorCode.INTERNAL, str(error), "Generate it again."))
                continue
            self._pool.give(worker, request)
            self._tell_places()

    def resume(self) -> None:
        """Jobs that an earlier server did not finish go on, unless they may be what ended it."""
        for job_id, attempts in self._store.unfinished():
            if attempts >= MAX_ATTEMPTS:
                message = "The backend ended twice while making this avatar."
                self._store.finish(Failed(job_id, ErrorCode.WORKER_DIED, message, "Try a smaller preset."))
            else:
                self._store.restart(job_id)
                self._queue.append(job_id)

    def postpone(self) -> None:
        """The server ends on purpose: jobs at work begin anew at its next start."""
        for worker in self._pool.workers:
            if worker.job_id:
                self._attempt(self._store.postpone, worker.job_id)

    def places(self) -> dict[str, int]:
        """Unfinished jobs in order, with the number of jobs before each; 0 for those at work."""
        working = [worker.job_id for worker in self._pool.workers if worker.job_id]
        return dict.fromkeys(working, 0) | {job_id: len(working) + n for n, job_id in enumerate(self._queue)}

    def _submit(self, identity: bytes, request: JobRequest) -> None:
        avatar_request(request)  # the pipeline's own checks, before anything is stored
        if not self._store.knows(request.job_id) and len(self.places()) >= MAX_QUEUE:
            raise JobError(ErrorCode.QUEUE_FULL, f"{MAX_QUEUE} jobs wait already.", "Try again when some are done.")
        fresh = self._store.submit(request)
        if fresh:
            log.info("job %s: accepted", request.job_id, extra={"job": request.job_id})
            self._queue.append(request.job_id)
            self._told = self.places()
            self._pool.retry()
        self._replay(identity, request.job_id)
        if fresh:
            self._explain_waiting()

    def _replay(self, identity: bytes, job_id: str) -> None:
        """All that is known of the job, as if the client had followed it from its start."""
        self._audience.follow(identity, job_id)
        places = self.places()
        if job_id in places:
            self._audience.tell(identity, encode(Accepted(job_id, places[job_id])))
        if frames := self._progress.get(job_id):
            self._audience.tell(identity, frames, replaces=f"Progressed {job_id}")
        for frames in self._store.results(job_id):
            event = decode_event(frames)
            if isinstance(event, TextureReady):
                self._audience.tell_texture(identity, job_id, event.level, frames, event.final)
            else:
                self._audience.tell(identity, frames)

    def _list(self, identity: bytes, limit: int) -> None:
        working = {worker.job_id for worker in self._pool.workers}
        rows = self._store.listed(limit)
        for row in rows:
            if row["job_id"] in working:
                row["state"] = "running"
        self._audience.tell(identity, encode(JobsListed({"jobs": rows})), replaces="JobsListed")

    def _move(self, job_id: str, place: int) -> None:
        if job_id not in self._queue:
            sentence = "That job does not wait (any more)."
            raise JobError(ErrorCode.UNKNOWN_JOB, sentence, "Only jobs that wait can change places.")
        self._queue.remove(job_id)
        self._queue.insert(place, job_id)
        self._tell_places()

    def _cancel(self, job_id: str) -> None:
        if job_id in self._queue:
            self._queue.remove(job_id)
            self._publish(Failed(job_id, ErrorCode.CANCELLED, "The job was cancelled before it began."))
            self._tell_places()
        elif self._pool.cancel(job_id):
            log.info("job %s: to be cancelled", job_id, extra={"job": job_id})

    def _publish(self, event: Event, frames: Sequence[Any] = ()) -> None:
        """Stores what lasts and tells who follows."""
        frames = frames or encode(event)
        match event:
            case Progressed(job_id=job_id):
                self._progress[job_id] = frames
                for identity in self._audience.followers(job_id):
                    self._audience.tell(identity, frames, replaces=f"Progressed {job_id}")
            case MeshReady(job_id=job_id):
                self._attempt(self._store.keep, event, frames)
                for identity in self._audience.followers(job_id):
                    self._audience.tell(identity, frames)
            case TextureReady(job_id=job_id):
                self._attempt(self._store.keep, event, frames)
                for identity in self._audience.followers(job_id):
                    self._audience.tell_texture(identity, job_id, event.level, frames, event.final)
            case Finished(job_id=job_id) | Failed(job_id=job_id):
                self._progress.pop(job_id, None)
                self._attempt(self._store.finish, event)
                self._audience.end(job_id, frames)
                outcome = event.code if isinstance(event, Failed) else "finished"
                log.info("job %s: %s", job_id, outcome, extra={"job": job_id})

    def _attempt(self, keep: Callable[..., None], *values: Any) -> None:
        """A full disk costs the replay of this result, not the result."""
        try:
            keep(*values)
        except ServiceError as error:
            log.error("not stored: %s", error)

    def _tell_places(self) -> None:
        """Tells followers the places that changed."""
        told, self._told = self._told, self.places()
        for job_id, place in self._told.items():
            if told.get(job_id) != place:
                accepted = encode(Accepted(job_id, place))
                for identity in self._audience.followers(job_id):
                    self._audience.tell(identity, accepted, replaces=f"Accepted {job_id}")

    def _explain_waiting(self) -> None:
        """Says why the first job in the queue does not begin, where no other is before it."""
        starting = self._pool.idle() is None and self._pool.hopeless() is None
        first = self._queue[0] if self._queue else ""
        if first and starting and self.places()[first] == 0 and first not in self._progress:
            self._publish(Progressed(first, WAKING, 0.0))
