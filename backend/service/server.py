# SPDX-License-Identifier: GPL-3.0-or-later
"""The ROUTER loop: greets clients, queues their jobs, hands them to workers, tells everyone what they are owed.

One thread, no torch, nothing that takes long: it always answers.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq

import backend
from backend.pipeline.presets import PRESETS
from backend.pipeline.request import AvatarRequest, RequestError
from blender_addon.protocol import (
    MAX_PORTRAIT_BYTES,
    Accepted,
    Applied,
    Cancel,
    Connection,
    ErrorCode,
    Event,
    Failed,
    Finished,
    Follow,
    Goodbye,
    Hello,
    JobRequest,
    MeshReady,
    Ping,
    Pong,
    Progressed,
    ProtocolError,
    Refused,
    TextureReady,
    Welcome,
    decode_event,
    decode_request,
    encode,
)

from .audience import Audience, Sent
from .connection import remove_connection, write_connection
from .errors import JobError, ServiceError
from .pool import News, Pool
from .security import bind_address, new_key, new_session, same_key
from .store import Store

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2
MAX_QUEUE = 32
MAX_ATTEMPTS = 2
"""Times a job is begun; one whose server went down twice while it ran may be the cause."""
PING_SECONDS = 2.0
SILENCE_SECONDS = 120.0
WAKING = "starting the worker"
"""Stage of a job that waits for its worker to load."""
MIN_IDENTITY_BYTES = 16
"""Of a client's routing id: later messages are trusted by it, so it must be beyond guessing."""
MAX_HELLO_BYTES = 16 << 10
SMALL_BYTES = 64 << 10
"""Below this, copying a frame is cheaper than tracking it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How a server runs."""

    store: Path
    devices: tuple[str, ...] = ("auto",)
    """One worker each."""
    host: str = "127.0.0.1"
    port: int = 0
    idle_exit: float | None = None
    """Seconds without jobs and without a word from clients after which the server ends; None: never."""
    runner: str = "backend.service.translate:AvatarRunner"
    """What the workers load; see `worker`."""
    grace: float = 10.0
    """Seconds between the cancel of a job and the end of a worker that does not react."""


class Server:
    """Listens from construction on; `run` returns after `stop`, and closes. Who does not run it calls `close`."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        address = bind_address(settings.host, settings.port)
        self._store = Store(settings.store)
        self._context: zmq.Context[Any] = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.ROUTER_MANDATORY, 1),
            (zmq.RCVHWM, 16),
            (zmq.SNDHWM, 32),
            (zmq.MAXMSGSIZE, MAX_PORTRAIT_BYTES + (1 << 20)),
            (zmq.IPV6, int("[" in address)),
        ):
            self._router.setsockopt(option, value)
        try:
            self._router.bind(address)
        except zmq.ZMQError as error:
            self._store.close()
            self._context.destroy(linger=0)
            raise ServiceError(
                f"Cannot listen at {address}: {error.strerror}.", "Leave --port out, or choose another one."
            ) from error
        self._pool = Pool(self._context, settings.devices, settings.runner, settings.store, settings.grace)
        self.connection = Connection(
            address=self._router.getsockopt_string(zmq.LAST_ENDPOINT),
            key=new_key(),
            session=new_session(),
            pid=os.getpid(),
            version=backend.__version__,
        )
        self._poller = zmq.Poller()
        self._poller.register(self._router, zmq.POLLIN)
        self._poller.register(self._pool.socket, zmq.POLLIN)
        self._audience = Audience(self._send)
        self._queue: deque[str] = deque()
        self._progress: dict[str, Sequence[Any]] = {}
        """Latest frames of Progressed per unfinished job, for who follows later."""
        self._told: dict[str, int] = {}
        """Places as last told."""
        self._stopping = False
        self._last_use = time.monotonic()

    def run(self) -> None:
        """Serves until `stop`, or until idle for too long."""
        path = write_connection(self.settings.store, self.connection)
        log.info("listening at %s; connection file %s", self.connection.address, path)
        try:
            self._resume()
            self._pool.start()
            while not self._stopping:
                self._turn()
        finally:
            remove_connection(self.settings.store, self.connection.session)
            self.close()
            log.info("ended")

    def stop(self) -> None:
        """Ends `run` at its next turn; may be called from a signal handler."""
        self._stopping = True

    def close(self) -> None:
        """Ends the workers and frees port and store; jobs at work begin anew at the next start."""
        for worker in self._pool.workers:
            if worker.job_id:
                self._attempt(self._store.postpone, worker.job_id)
        self._pool.close()
        self._router.close()
        self._context.term()
        self._store.close()

    def _turn(self) -> None:
        self._poller.poll(int(1000 * (TICK_SECONDS / 10 if self._audience.flush() else TICK_SECONDS)))
        for _ in range(64):
            try:
                identity, *frames = self._router.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                break
            self._receive(identity.bytes, [frame.buffer for frame in frames])
        for news in self._pool.news():
            self._heed(news)
        self._dispatch()
        self._audience.forget_silent(SILENCE_SECONDS)
        idle_exit = self.settings.idle_exit
        if self._places():
            self._last_use = time.monotonic()
        elif idle_exit is not None and time.monotonic() > self._last_use + idle_exit:
            log.info("nothing to do for %.0f s", idle_exit)
            self.stop()

    # What clients say

    def _receive(self, identity: bytes, frames: list[Any]) -> None:
        known = self._audience.hear(identity)
        try:
            if not known and sum(frame.nbytes for frame in frames) > MAX_HELLO_BYTES:
                raise ProtocolError(ErrorCode.HELLO_FIRST, "Say Hello first.")
            message = decode_request(frames)
        except ProtocolError as error:
            self._send(identity, encode(Refused(error.code, str(error))))
            return
        if isinstance(message, Hello):
            self._greet(identity, message)
            return
        if not known:
            self._send(
                identity, encode(Refused(ErrorCode.HELLO_FIRST, "This connection is not known: say Hello first."))
            )
            return
        self._last_use = time.monotonic()
        job_id = getattr(message, "job_id", "")
        try:
            self._act(identity, message)
        except (ServiceError, RequestError) as error:
            code = error.code if isinstance(error, JobError) else ErrorCode.BAD_REQUEST
            self._audience.tell(identity, encode(Refused(code, error.message, error.hint, job_id)))
        except Exception as error:  # whatever one client caused, the others are still served
            log.exception("%s cannot be acted on", type(message).__name__)
            sentence = f"The backend made a mistake: {type(error).__name__}: {error}"[:1000]
            self._audience.tell(identity, encode(Refused(ErrorCode.INTERNAL, sentence, "Look at its log.", job_id)))

    def _act(self, identity: bytes, message: Any) -> None:
        match message:
            case Ping():
                self._audience.tell(identity, encode(Pong()))
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
            case Goodbye():
                self._audience.forget(identity)

    def _greet(self, identity: bytes, hello: Hello) -> None:
        if not same_key(hello.token, self.connection.key):
            log.warning("a client with a wrong key was turned away")
            sentence = "The key is not this backend's; it has a new one since it was started again."
            self._send(identity, encode(Refused(ErrorCode.WRONG_KEY, sentence, "Connect by its connection file.")))
            return
        if len(identity) < MIN_IDENTITY_BYTES:
            sentence = f"A client must choose a random routing id of {MIN_IDENTITY_BYTES} bytes or more."
            self._send(identity, encode(Refused(ErrorCode.BAD_MESSAGE, sentence)))
            return
        self._last_use = time.monotonic()
        self._audience.greet(identity, hello.client)
        log.info("%s connected", hello.client or "a client")
        self._audience.tell(identity, encode(self._welcome()), replaces="Welcome")

    def _submit(self, identity: bytes, request: JobRequest) -> None:
        if request.kind != "avatar":
            raise JobError(ErrorCode.BAD_REQUEST, f"This backend makes avatars, not {request.kind!r}.")
        # The pipeline's own checks, before anything is stored.
        AvatarRequest(preset=request.preset, seed=request.seed, options=request.options)
        if not self._store.knows(request.job_id) and len(self._places()) >= MAX_QUEUE:
            raise JobError(ErrorCode.QUEUE_FULL, f"{MAX_QUEUE} jobs wait already.", "Try again when some are done.")
        fresh = self._store.submit(request)
        if fresh:
            log.info("job %s: accepted", request.job_id)
            self._queue.append(request.job_id)
            self._told = self._places()
            self._pool.retry()
        self._replay(identity, request.job_id)
        if fresh:
            self._explain_waiting()

    def _replay(self, identity: bytes, job_id: str) -> None:
        """All that is known of the job, as if the client had followed it from its start."""
        self._audience.follow(identity, job_id)
        places = self._places()
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

    def _cancel(self, job_id: str) -> None:
        if job_id in self._queue:
            self._queue.remove(job_id)
            self._publish(Failed(job_id, ErrorCode.CANCELLED, "The job was cancelled before it began."))
            self._tell_places()
        elif self._pool.cancel(job_id):
            log.info("job %s: to be cancelled", job_id)

    # What workers say

    def _heed(self, news: News) -> None:
        if news.kind == "event":
            self._publish(news.message, news.frames)
        else:
            for identity in self._audience.everyone():
                self._audience.tell(identity, encode(self._welcome()), replaces="Welcome")
            self._tell_places()
            self._explain_waiting()

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
                log.info("job %s: %s", job_id, event.code if isinstance(event, Failed) else "finished")

    def _attempt(self, keep: Callable[..., None], *values: Any) -> None:
        """A full disk costs the replay of this result, not the result."""
        try:
            keep(*values)
        except ServiceError as error:
            log.error("not stored: %s", error)

    def _dispatch(self) -> None:
        """Gives waiting jobs to idle workers; fails them where no worker can start."""
        while self._queue and (problem := self._pool.hopeless()):
            self._publish(Failed(self._queue.popleft(), problem.code, problem.message, problem.hint))
        while self._queue and (worker := self._pool.idle()):
            job_id = self._queue.popleft()
            try:
                request = self._store.begin(job_id)
            except (ServiceError, ProtocolError) as error:
                self._publish(Failed(job_id, ErrorCode.INTERNAL, str(error), "Generate it again."))
                continue
            self._pool.give(worker, request)
            self._tell_places()

    def _resume(self) -> None:
        """Jobs that an earlier server did not finish go on, unless they may be what ended it."""
        for job_id, attempts in self._store.unfinished():
            if attempts >= MAX_ATTEMPTS:
                message = "The backend ended twice while making this avatar."
                self._store.finish(Failed(job_id, ErrorCode.WORKER_DIED, message, "Try a smaller preset."))
            else:
                self._store.restart(job_id)
                self._queue.append(job_id)

    def _places(self) -> dict[str, int]:
        """Unfinished jobs in order, with the number of jobs before each; 0 for those at work."""
        working = [worker.job_id for worker in self._pool.workers if worker.job_id]
        return dict.fromkeys(working, 0) | {job_id: len(working) + n for n, job_id in enumerate(self._queue)}

    def _tell_places(self) -> None:
        """Tells followers the places that changed."""
        told, self._told = self._told, self._places()
        for job_id, place in self._told.items():
            if told.get(job_id) != place:
                accepted = encode(Accepted(job_id, place))
                for identity in self._audience.followers(job_id):
                    self._audience.tell(identity, accepted, replaces=f"Accepted {job_id}")

    def _explain_waiting(self) -> None:
        """Says why the first job in the queue does not begin, where no other is before it."""
        starting = self._pool.idle() is None and self._pool.hopeless() is None
        if self._queue and starting and self._places()[self._queue[0]] == 0:
            self._publish(Progressed(self._queue[0], WAKING, 0.0))

    def _welcome(self) -> Welcome:
        capabilities: dict[str, Any] = {"synthesizers": [], "refiners": []}
        for worker in self._pool.workers:
            for name in capabilities:
                capabilities[name] = sorted({*capabilities[name], *worker.capabilities.get(name, [])})
        capabilities["presets"] = list(PRESETS)
        capabilities["devices"] = [worker.described() for worker in self._pool.workers]
        limits = {
            "portrait_bytes": MAX_PORTRAIT_BYTES,
            "queue": MAX_QUEUE,
            "ping_seconds": PING_SECONDS,
            "silence_seconds": SILENCE_SECONDS,
        }
        return Welcome(backend.__version__, self.connection.session, capabilities, limits)

    def _send(self, identity: bytes, frames: Sequence[Any]) -> Sent:
        large = sum(memoryview(frame).nbytes for frame in frames) > SMALL_BYTES
        try:
            self._router.send_multipart([identity, *frames], zmq.DONTWAIT, copy=not large)
        except zmq.Again:
            return Sent.LATER
        except zmq.ZMQError:  # EHOSTUNREACH: it left without a Goodbye
            return Sent.GONE
        return Sent.YES
