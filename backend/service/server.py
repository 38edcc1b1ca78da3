# SPDX-License-Identifier: GPL-3.0-or-later
"""The ROUTER loop: greets clients, passes what they want to the desk, and what workers did.

One thread, no torch, nothing that takes long: it always answers.
"""

import logging
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq

import backend
from backend.pipeline import head_request
from backend.pipeline.adapt_request import ADAPT
from backend.pipeline.presets import PRESETS
from backend.pipeline.refine_request import REFINERS
from backend.pipeline.request import KINDS, MIXED, OPTIONS, RequestError
from backend.synthesis import DEFAULT, available
from blender_addon.protocol import (
    MAX_PORTRAIT_BYTES,
    PRIORITIES,
    Connection,
    DiscardStyle,
    ErrorCode,
    Finished,
    Goodbye,
    Hello,
    Ping,
    Pong,
    ProtocolError,
    Refused,
    Welcome,
    decode_request,
    encode,
)
from blender_addon.protocol.fields import MAX_BUFFER_BYTES
from blender_addon.protocol.wire import REQUESTS

from . import styles
from .audience import Audience, Sent
from .connection import remove_connection, write_connection
from .desk import MAX_OF_ONE, MAX_QUEUE, Desk
from .errors import JobError, ServiceError
from .gate import AllowList, Gate
from .keys import KeyPair, new_pair, server_pair
from .logs import Level
from .memory import can_limit
from .parts import AHEAD, CHUNK_BYTES
from .pool import PATIENCE_SECONDS, Pool
from .rarely import Rarely
from .retention import Retention
from .security import bind_address, local_address, new_key, new_session, same_key
from .store import Store

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2
PING_SECONDS = 2.0
SILENCE_SECONDS = 120.0
MIN_IDENTITY_BYTES = 16
"""Of a client's routing id: later messages are trusted by it, so it must be beyond guessing."""
SHOWN_NUMBERS = ("steps", "resolution", "faces", "texture_size")
"""Of a preset, in Welcome."""
MAX_HELLO_BYTES = 16 << 10
MAX_FRAME_BYTES = MAX_BUFFER_BYTES + (1 << 20)
HANDSHAKE_MILLISECONDS = 5000
"""A connection that has not shaken hands by then is closed."""
WELCOME_SECONDS = 1.0
"""How long one Welcome serves for all who come: to make it, every model of the library is looked at."""
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
    allow: Path | None = None
    """List of clients' public keys; with it the line is encrypted and only they are let in."""
    idle_exit: float | None = None
    """Seconds without jobs and without a word from clients after which the server ends; None: never."""
    runner: str = "backend.service.translate:AvatarRunner"
    """What the workers load; see `worker`."""
    idle_unload: float | None = None
    """Seconds without jobs after which workers give back their devices' memory; None: they keep the model loaded."""
    grace: float = 10.0
    """Seconds between the cancel of a job and the end of a worker that does not react."""
    patience: float = PATIENCE_SECONDS
    """Seconds without a sign of life after which a worker is ended and replaced."""
    memory_limit: float | None = None
    """GB that each worker process may take of the computer's memory; None: as much as there is."""
    retention: Retention = field(default_factory=Retention)
    """How many results are kept."""
    log_level: Level = "info"
    """Least weight of what workers write into their logs; see `logs`."""


class Server:
    """Listens from construction on; `run` returns after `stop`, and closes. Who does not run it calls `close`."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        for device in settings.devices:
            if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?|cluster:\d{1,4}", device):
                raise ServiceError(f"There is no device {device!r}.", "Choose auto, cpu, cuda or cuda:N.")
        if settings.memory_limit is not None and not can_limit():
            raise ServiceError("Only Linux can limit a process's memory.", "Leave --memory-limit out.")
        allowed = AllowList(settings.allow) if settings.allow is not None else None
        address = bind_address(settings.host, settings.port, guarded=allowed is not None)
        self._store = Store(settings.store, settings.retention)
        self._context: zmq.Context[Any] = zmq.Context()
        self._router = self._context.socket(zmq.ROUTER)
        self._gate: Gate | None = None
        self.secrets: tuple[str, ...] = ()
        """What no log may show."""
        pair = local = KeyPair("", "")
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.ROUTER_MANDATORY, 1),
            (zmq.RCVHWM, 16),
            (zmq.SNDHWM, 32),
            (zmq.MAXMSGSIZE, MAX_FRAME_BYTES),
            (zmq.HANDSHAKE_IVL, HANDSHAKE_MILLISECONDS),
            (zmq.IPV6, int("[" in address)),
        ):
            self._router.setsockopt(option, value)
        try:
            if allowed is not None:
                pair, local = server_pair(settings.store), new_pair()
                self._gate = Gate(self._context, allowed, pair, [local.public])
                self._gate.guard(self._router)
            self._router.bind(address)
        except ServiceError:
            self._store.close()
            self._context.destroy(linger=0)
            raise
        except zmq.ZMQError as error:
            self._store.close()
            self._context.destroy(linger=0)
            raise ServiceError(
                f"Cannot listen at {address}: {error.strerror}.", "Leave --port out, or choose another one."
            ) from error
        self._pool = Pool(
            self._context,
            settings.devices,
            settings.runner,
            settings.store,
            settings.grace,
            settings.idle_unload,
            settings.log_level,
            settings.patience,
            None if settings.memory_limit is None else int(settings.memory_limit * (1 << 30)),
        )
        self.connection = Connection(
            address=local_address(self._router.getsockopt_string(zmq.LAST_ENDPOINT)),
            key=new_key(),
            session=new_session(),
            pid=os.getpid(),
            version=backend.__version__,
            server=pair.public,
            secret=local.secret,
        )
        self.secrets = (self.connection.key, pair.secret, local.secret)
        self._poller = zmq.Poller()
        self._poller.register(self._router, zmq.POLLIN)
        self._poller.register(self._pool.socket, zmq.POLLIN)
        if self._gate is not None:
            self._poller.register(self._gate.socket, zmq.POLLIN)
        self._audience = Audience(self._send)
        self._desk = Desk(self._store, self._audience, self._pool)
        self._warn = Rarely(log)
        self._welcome_frames: Sequence[Any] = ()
        self._welcome_made = float("-inf")
        self._stopping = False
        self._last_use = time.monotonic()

    def run(self) -> None:
        """Serves until `stop`, or until idle for too long."""
        path = write_connection(self.settings.store, self.connection)
        log.info("listening at %s; connection file %s", self.connection.address, path)
        try:
            self._desk.resume()
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
        self._desk.postpone()
        self._pool.close()
        self._router.close()
        if self._gate is not None:
            self._gate.close()
        self._context.term()
        self._store.close()

    def _turn(self) -> None:
        self._poller.poll(int(1000 * (TICK_SECONDS / 10 if self._audience.flush() else TICK_SECONDS)))
        if self._gate is not None:
            self._gate.answer()
        for _ in range(64):
            try:
                identity, *frames = self._router.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                break
            if (account := self._account(identity.bytes, frames)) is not None:
                self._receive(identity.bytes, [frame.buffer for frame in frames], account)
        for news in self._pool.news():
            if isinstance(news.message, Finished) and "style" in news.message.recipe:
                self._welcome_all()  # first, so that whoever hears of the end can use the style at once
            self._desk.heed(news)
            if news.kind == "changed":
                self._welcome_all()
        self._desk.dispatch()
        self._audience.forget_silent(SILENCE_SECONDS)
        idle_exit = self.settings.idle_exit
        if self._desk.busy():
            self._last_use = time.monotonic()
        elif idle_exit is not None and time.monotonic() > self._last_use + idle_exit:
            log.info("nothing to do for %.0f s", idle_exit)
            self.stop()

    def _account(self, identity: bytes, frames: list[Any]) -> str | None:
        """Whom the sender speaks for; None if he is not on the list any more: the handshake told that he was."""
        if self._gate is None:
            return ""
        key = str(frames[-1].get("User-Id")) if frames else ""
        if not self._gate.admits(key):
            self._audience.forget(identity)
            sentence = "This client's key was taken off the backend's list."
            self._send(identity, encode(Refused(ErrorCode.WRONG_KEY, sentence, "Ask who runs the backend.")))
            return None
        return self._gate.account(key)

    def _receive(self, identity: bytes, frames: list[Any], account: str) -> None:
        known = self._audience.hear(identity)
        try:
            if not known and sum(frame.nbytes for frame in frames) > MAX_HELLO_BYTES:
                raise ProtocolError(ErrorCode.HELLO_FIRST, "Say Hello first.")
            message = decode_request(frames)
        except ProtocolError as error:
            self._send(identity, encode(Refused(error.code, str(error))))
            return
        if isinstance(message, Hello):
            self._greet(identity, message, account)
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
            code = ErrorCode.BAD_REQUEST if isinstance(error, RequestError) else ErrorCode.INTERNAL
            code = error.code if isinstance(error, JobError) else code
            self._audience.tell(identity, encode(Refused(code, error.message, error.hint, job_id)))
        except Exception as error:  # whatever one client caused, the others are still served
            log.exception("%s cannot be acted on", type(message).__name__)
            sentence = f"The backend made a mistake: {type(error).__name__}: {error}"[:1000]
            self._audience.tell(identity, encode(Refused(ErrorCode.INTERNAL, sentence, "Look at its log.", job_id)))

    def _act(self, identity: bytes, message: Any) -> None:
        match message:
            case Ping():
                self._audience.tell(identity, encode(Pong()))
            case Goodbye():
                self._audience.forget(identity)
            case DiscardStyle():
                self._desk.act(identity, message)
                self._welcome_all()
            case _:
                self._desk.act(identity, message)

    def _greet(self, identity: bytes, hello: Hello, account: str) -> None:
        # Behind the gate, who can speak at all has proven a key of its own.
        if self._gate is None and not same_key(hello.token, self.connection.key):
            self._warn.warning("a client with a wrong key was turned away")
            sentence = "The key is not this backend's; it has a new one since it was started again."
            self._send(identity, encode(Refused(ErrorCode.WRONG_KEY, sentence, "Connect by its connection file.")))
            return
        if len(identity) < MIN_IDENTITY_BYTES:
            sentence = f"A client must choose a random routing id of {MIN_IDENTITY_BYTES} bytes or more."
            self._send(identity, encode(Refused(ErrorCode.BAD_MESSAGE, sentence)))
            return
        self._last_use = time.monotonic()
        self._audience.greet(identity, hello.client, account, bool(hello.chunks))
        log.info("%s connected", hello.client or "a client")
        if time.monotonic() > self._welcome_made + WELCOME_SECONDS:
            self._make_welcome()
        self._audience.tell(identity, self._welcome_frames, replaces="Welcome")

    def _welcome_all(self) -> None:
        self._make_welcome()
        for identity in self._audience.everyone():
            self._audience.tell(identity, self._welcome_frames, replaces="Welcome")

    def _make_welcome(self) -> None:
        self._welcome_frames, self._welcome_made = encode(self._welcome()), time.monotonic()

    def _welcome(self) -> Welcome:
        capabilities: dict[str, Any] = {"synthesizers": [], "refiners": []}
        for worker in self._pool.workers:
            for name in capabilities:
                capabilities[name] = sorted({*capabilities[name], *worker.capabilities.get(name, [])})
        capabilities |= generators(capabilities["synthesizers"])
        capabilities["presets"] = list(PRESETS)
        capabilities["preset_numbers"] = {
            name: {number: getattr(preset, number) for number in SHOWN_NUMBERS} for name, preset in PRESETS.items()
        }
        capabilities["requests"], capabilities["priorities"] = sorted(REQUESTS), list(PRIORITIES)
        # The pipeline's, whether or not a worker is awake to tell.
        capabilities["sources"], capabilities["options"] = list(MIXED), list(OPTIONS)
        capabilities["kinds"] = [*KINDS, head_request.REFINE, ADAPT]
        capabilities |= styles.capabilities()
        capabilities["refine_options"], capabilities["head_refiners"] = list(head_request.OPTIONS), list(REFINERS)
        capabilities["devices"] = [worker.described() for worker in self._pool.workers]
        limits = {
            "portrait_bytes": MAX_PORTRAIT_BYTES,
            "queue": MAX_QUEUE,
            "queue_of_one": MAX_OF_ONE,
            "chunk_bytes": CHUNK_BYTES,
            "chunk_ahead": AHEAD,
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


def generators(named: Sequence[str]) -> dict[str, Any]:
    """What Welcome says of the workers' generators, with those that the user converted since the workers started."""
    if DEFAULT not in named:
        return {}
    known = available()
    return {
        "synthesizers": list(known),
        "synthesizer_inputs": {name: list(inputs) for name, inputs in known.items()},
    }
