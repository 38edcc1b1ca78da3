# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs from their submission to their last message: the queue, who works on what, and who is told."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from blender_addon.protocol import (
    Accepted,
    Applied,
    Cancel,
    Discard,
    DiscardStyle,
    ErrorCode,
    Event,
    Failed,
    Fetch,
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

from . import styles
from .audience import Audience
from .errors import JobError, ServiceError
from .parts import AHEAD, Parts
from .pool import News, Pool
from .store import Store
from .translate import check
from .turns import Turns, likeness

log = logging.getLogger(__name__)

MAX_QUEUE = 512
"""Jobs that wait or are at work."""
MAX_OF_ONE = 64
"""Of them, those of one client, or of all that hold one key."""
MAX_BYTES, MAX_BYTES_OF_ONE = 4 << 30, 1 << 30
"""Of their requests on disk."""
MAX_ATTEMPTS = 2
"""Times a job is begun; one whose server went down twice while it ran may be the cause."""
LISTED = 100
"""Jobs that the answer to Discard lists."""
WAKING = "starting the worker"
"""Stage of a job that waits for its worker to load."""
NEAR = 20
"""Places up to which each change is told; further back only changes by a tenth, or a long queue would talk all day."""
PATIENT = "adapt"
"""Kind of jobs that take minutes and keep what they have learned: they step aside where another kind waits."""
LEAST_TURN = 30.0
"""Seconds that such a job has at least: to load what it needs takes some of them."""
EARLIER = "before the restart"
"""Share of jobs whose client has not been heard of since."""


Wish = JobRequest | Follow | Cancel | Applied | ListJobs | Move | Discard | DiscardStyle | FreeMemory | Fetch


class Desk:
    """What clients want of jobs, what workers make of them."""

    def __init__(
        self, store: Store, audience: Audience, pool: Pool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._audience, self._pool, self._clock = store, audience, pool, clock
        self._turns, self._parts = Turns(), Parts(store)
        self._began: dict[str, float] = {}
        """When each job at work began."""
        self._sizes: dict[str, tuple[str, int]] = {}
        """Whose each unfinished job is, and the bytes of its request."""
        self._progress: dict[str, Sequence[Any]] = {}
        """Latest frames of Progressed per unfinished job, for who follows later."""
        self._told: dict[str, int] = {}
        """Places as last told."""
        self._aside: dict[str, str | None] = {}
        """Jobs at work that were asked to step aside, with their priority."""
        self._shaped: set[str] = set()
        """Unfinished jobs that have sent a mesh: their end is near."""

    def act(self, identity: bytes, message: Wish) -> None:
        """Does what a greeted client asks. Raises ServiceError or RequestError, with the reason why not."""
        match message:
            case JobRequest():
                self._submit(identity, message)
            case Follow(job_id=job_id):
                if not self._store.knows(job_id, self._audience.account(identity)):
                    sentence = "This backend does not know that avatar's job (any more)."
                    raise JobError(ErrorCode.UNKNOWN_JOB, sentence, "Generate it again.")
                if self._turns.share_of(job_id) not in self._audience.shares():
                    self._turns.adopt(job_id, self._audience.share(identity))
                self._replay(identity, job_id)
            case Fetch(job_id=job_id):
                self._send_piece(identity, message)
            case Cancel(job_id=job_id):
                if self._store.knows(job_id, self._audience.account(identity)):
                    self._cancel(job_id)
            case Applied(job_id=job_id, level=level):
                self._audience.applied(identity, job_id, level)
            case ListJobs(limit=limit):
                self._list(identity, limit)
            case Move(job_id=job_id, place=place):
                self._move(identity, job_id, place)
            case Discard(job_id=job_id):
                mine = self._store.knows(job_id, self._audience.account(identity))
                if not mine or not self._store.discard(job_id):
                    sentence = "There is nothing to delete: that job is not over, or not stored here."
                    raise JobError(ErrorCode.UNKNOWN_JOB, sentence)
                self._list(identity, LISTED)
            case DiscardStyle(name=name):
                styles.discard(name, self._store, self._audience.account(identity))
            case FreeMemory():
                self._pool.rest()

    def heed(self, news: News) -> None:
        """Passes on what a worker did."""
        message = news.message
        if isinstance(message, Failed) and message.code == ErrorCode.CANCELLED and message.job_id in self._aside:
            self._wait_again(message.job_id)
        elif news.kind == "event":
            self._publish(message, news.frames)
        else:
            self._tell_places()
            self._explain_waiting()

    def dispatch(self) -> None:
        """Gives waiting jobs to idle workers; fails them where no worker can start."""
        while (problem := self._pool.hopeless()) and (job_id := self._turns.take()):
            self._publish(Failed(job_id, problem.code, problem.message, problem.hint))
        if self._turns:
            self._pool.wake()
        while (worker := self._pool.idle()) and (job_id := self._turns.take()):
            self._began[job_id] = self._clock()
            try:
                request = self._store.begin(job_id)
            except (ServiceError, ProtocolError) as error:
                self._publish(Failed(job_id, ErrorCode.INTERNAL, str(error), "Generate it again."))
                continue
            self._pool.give(worker, request)
            self._tell_places()
        if self._turns and self._pool.idle() is None:
            self._make_way()

    def resume(self) -> None:
        """Jobs that an earlier server did not finish go on, unless they may be what ended it."""
        for each in self._store.unfinished():
            if each.attempts >= MAX_ATTEMPTS:
                message = "The backend ended twice while making this avatar."
                self._store.finish(Failed(each.job_id, ErrorCode.WORKER_DIED, message, "Try a smaller preset."))
            else:
                self._store.restart(each.job_id)
                share = each.account or EARLIER
                like = likeness(each.kind, each.preset)
                self._turns.put(each.job_id, share, like, each.priority, last=each.moved)
                self._sizes[each.job_id] = (share, each.size)

    def postpone(self) -> None:
        """The server ends on purpose: jobs at work begin anew at its next start."""
        for worker in self._pool.workers:
            if worker.job_id:
                self._attempt(self._store.postpone, worker.job_id)

    def places(self) -> dict[str, int]:
        """Unfinished jobs in order, with the number of jobs before each; 0 for those at work."""
        working = [worker.job_id for worker in self._pool.workers if worker.job_id]
        return dict.fromkeys(working, 0) | {job_id: len(working) + n for n, job_id in enumerate(self._turns.order())}

    def busy(self) -> bool:
        """Whether any job is unfinished."""
        return bool(self._turns) or any(worker.job_id for worker in self._pool.workers)

    def _submit(self, identity: bytes, request: JobRequest) -> None:
        check(request)  # the pipeline's own checks, before anything is stored
        share = self._audience.share(identity)
        if not self._store.knows(request.job_id):
            styles.check_name(request)
            self._check_room(share, size := size_of(request))
        fresh = self._store.submit(request, self._audience.account(identity))
        if fresh:
            log.info("job %s: accepted", request.job_id, extra={"job": request.job_id})
            self._sizes[request.job_id] = (share, size)
            self._turns.put(request.job_id, share, likeness(request.kind, request.preset), request.priority)
            self._pool.retry()
        else:
            self._turns.adopt(request.job_id, share)  # the same client, over a new connection
        self._replay(identity, request.job_id)
        if fresh:
            self._tell_places()
            self._explain_waiting()

    def _check_room(self, share: str, size: int) -> None:
        """Raises JobError where the queue has no place for one more."""
        mine = [bytes_of for whose, bytes_of in self._sizes.values() if whose == share]
        again = "Try again when some are done."
        if len(mine) >= MAX_OF_ONE:
            raise JobError(ErrorCode.QUEUE_FULL, f"{MAX_OF_ONE} jobs of yours wait already.", again)
        if len(self._sizes) >= MAX_QUEUE:
            raise JobError(ErrorCode.QUEUE_FULL, f"{MAX_QUEUE} jobs wait already.", again)
        everyone = sum(bytes_of for _, bytes_of in self._sizes.values())
        if sum(mine) + size > MAX_BYTES_OF_ONE or everyone + size > MAX_BYTES:
            raise JobError(ErrorCode.QUEUE_FULL, "The pictures and meshes of the jobs that wait fill the queue.", again)

    def _replay(self, identity: bytes, job_id: str) -> None:
        """All that is known of the job, as if the client had followed it from its start."""
        self._audience.follow(identity, job_id)
        places = self.places()
        if job_id in places:
            self._told[job_id] = places[job_id]
            self._audience.tell(identity, encode(Accepted(job_id, places[job_id])))
        if frames := self._progress.get(job_id):
            self._audience.tell(identity, frames, replaces=f"Progressed {job_id}")
        for frames in self._store.results(job_id):
            event = decode_event(frames)
            told: Sequence[Any] = frames
            if isinstance(event, (MeshReady, TextureReady)) and self._audience.fetches(identity):
                told = self._parts.name(event, frames)
            if isinstance(event, TextureReady):
                self._audience.tell_texture(identity, job_id, event.level, told, event.final)
            else:
                self._audience.tell(identity, told)

    def _send_piece(self, identity: bytes, fetch: Fetch) -> None:
        if self._audience.owed(identity) > AHEAD:
            return  # it asked for more than it has credit for, and takes nothing
        mine = self._store.knows(fetch.job_id, self._audience.account(identity))
        piece = self._parts.chunk(fetch) if mine else None
        if piece is None:
            raise JobError(ErrorCode.NOT_STORED, "That result is not stored (any more).", "Ask for its job again.")
        self._audience.tell(identity, encode(piece))

    def _list(self, identity: bytes, limit: int) -> None:
        working = {worker.job_id for worker in self._pool.workers}
        rows = self._store.listed(limit, self._audience.account(identity))
        for row in rows:
            if row["job_id"] in working:
                row["state"] = "running"
        self._audience.tell(identity, encode(JobsListed({"jobs": rows})), replaces="JobsListed")

    def _move(self, identity: bytes, job_id: str, place: int) -> None:
        mine = self._store.knows(job_id, self._audience.account(identity))
        if not mine or not self._turns.move(job_id, place):
            sentence = "That job does not wait (any more)."
            raise JobError(ErrorCode.UNKNOWN_JOB, sentence, "Only jobs that wait can change places.")
        self._attempt(self._store.arrange, self._turns.line_of(job_id))
        self._tell_places()

    def _cancel(self, job_id: str) -> None:
        self._aside.pop(job_id, None)  # whoever wants it stopped does not want it to wait
        if self._turns.remove(job_id):
            self._publish(Failed(job_id, ErrorCode.CANCELLED, "The job was cancelled before it began."))
            self._tell_places()
        elif self._pool.cancel(job_id):
            log.info("job %s: to be cancelled", job_id, extra={"job": job_id})

    def _make_way(self) -> None:
        """Asks a patient job to step aside for what waits and is done sooner: an avatar need not wait for a style."""
        for worker in self._pool.workers:
            job_id, request = worker.job_id, worker.request
            stopping = worker.kill_at is not None  # by its user's wish, or for this very reason
            if request is None or request.kind != PATIENT or stopping or job_id in self._shaped:
                continue
            seconds = self._clock() - self._began.get(job_id, self._clock())
            if seconds >= LEAST_TURN and self._turns.goes_before(job_id, seconds) and self._pool.cancel(job_id):
                log.info("job %s: steps aside", job_id, extra={"job": job_id})
                self._aside[job_id] = request.priority
                return

    def _wait_again(self, job_id: str) -> None:
        """A job that stepped aside waits behind the others of its share, and goes on where it was."""
        priority, (share, _) = self._aside.pop(job_id), self._sizes[job_id]
        self._progress.pop(job_id, None)
        self._turns.settle(job_id, self._clock() - self._began.pop(job_id, self._clock()), done=False)
        self._attempt(self._store.postpone, job_id)
        self._turns.put(job_id, share, PATIENT, priority)
        self._tell_places()

    def _publish(self, event: Event, frames: Sequence[Any] = ()) -> None:
        """Stores what lasts and tells who follows."""
        frames = frames or encode(event)
        match event:
            case Progressed(job_id=job_id):
                self._progress[job_id] = frames
                for identity in self._audience.followers(job_id):
                    self._audience.tell(identity, frames, replaces=f"Progressed {job_id}")
            case MeshReady(job_id=job_id) | TextureReady(job_id=job_id):
                self._parts.forget(event)
                self._shaped.add(job_id)
                kept = self._attempt(self._store.keep, event, frames)
                for identity in self._audience.followers(job_id):
                    told = frames
                    if kept and self._audience.fetches(identity):
                        told = self._parts.name(event, frames)
                    if isinstance(event, TextureReady):
                        self._audience.tell_texture(identity, job_id, event.level, told, event.final)
                    else:
                        self._audience.tell(identity, told)
            case Finished(job_id=job_id) | Failed(job_id=job_id):
                self._progress.pop(job_id, None)
                self._sizes.pop(job_id, None)
                self._aside.pop(job_id, None)
                self._shaped.discard(job_id)
                seconds = self._clock() - self._began.pop(job_id, self._clock())
                self._turns.settle(job_id, seconds, isinstance(event, Finished))
                self._attempt(self._store.finish, event)
                self._audience.end(job_id, frames)
                outcome = event.code if isinstance(event, Failed) else "finished"
                log.info("job %s: %s", job_id, outcome, extra={"job": job_id})

    def _attempt(self, keep: Callable[..., None], *values: Any) -> bool:
        """Whether it is kept: a full disk costs the replay of this result, not the result."""
        try:
            keep(*values)
        except ServiceError as error:
            log.error("not stored: %s", error)
            return False
        return True

    def _tell_places(self) -> None:
        """Tells followers the places that changed."""
        places = self.places()
        self._told = {job_id: place for job_id, place in self._told.items() if job_id in places}
        for job_id, place in places.items():
            before = self._told.get(job_id)
            if before is None or (place != before and (place <= NEAR or abs(place - before) > before // 10)):
                self._told[job_id] = place
                accepted = encode(Accepted(job_id, place))
                for identity in self._audience.followers(job_id):
                    self._audience.tell(identity, accepted, replaces=f"Accepted {job_id}")

    def _explain_waiting(self) -> None:
        """Says why the first job in the queue does not begin, where no other is before it."""
        starting = self._pool.idle() is None and self._pool.hopeless() is None
        first = next(iter(self._turns.order()), "")
        if first and starting and self.places()[first] == 0 and first not in self._progress:
            self._publish(Progressed(first, WAKING, 0.0))


def size_of(request: JobRequest) -> int:
    """Bytes of the request's frames."""
    return sum(memoryview(frame).nbytes for frame in encode(request))
