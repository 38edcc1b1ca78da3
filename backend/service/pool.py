# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker processes as the server sees them: started, given one job each, killed when deaf, replaced when dead."""

import contextlib
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import zmq

import backend
from blender_addon.protocol import Cancel, ErrorCode, Failed, Finished, JobRequest, ProtocolError, decode, encode

from .advice import smaller
from .link import BEAT, FROM_WORKER, MAX_MESSAGE_BYTES, Memory, Ready, Unable
from .logs import Level

log = logging.getLogger(__name__)

LAST_WORDS_SECONDS = 0.1
MAX_STEP = 1.0
"""Seconds of silence that one look at the workers counts at most: while this process slept, so did they."""
PATIENCE_SECONDS = 300.0
"""Of silence after which a worker hangs. Long: some libraries keep the whole process to themselves while they work."""
FIRST_SECONDS = 60.0
"""Within which a new process gives its first sign of life, however impatient one is: a busy computer starts slowly."""
RETRY_SECONDS = 1.0
"""A worker that could not start is tried again when a job comes, but not more often than this."""


class State(StrEnum):
    """Of a worker; as in Welcome's capabilities."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    ASLEEP = "asleep"
    """Ended to give the device's memory back; started again for the next job."""
    FAILED = "failed"


@dataclass(slots=True)
class Worker:
    """One device and the process that has it."""

    device: str
    name: str = ""
    """Of its log; several workers may share a device."""
    process: "subprocess.Popen[bytes] | None" = None
    identity: bytes = b""
    state: State = State.STARTING
    problem: Failed | None = None
    """Why it is FAILED; its job id is empty."""
    capabilities: dict[str, Any] = field(default_factory=dict)
    job_id: str = ""
    request: JobRequest | None = None
    """What it works on."""
    kill_at: float | None = None
    """When the grace of a cancelled job ends."""
    started: float = 0.0
    idle_since: float = 0.0
    memory: Memory | None = None
    """Of its device, as the worker last measured."""
    ended: float | None = None
    """When the process was first seen dead; its last words may still be on their way."""
    silent: float = 0.0
    """Seconds without a sign of life, as far as this process was awake."""
    met: bool = False
    """It gave a sign of life since it was started."""
    hung: bool = False
    """It was ended for its silence."""

    def described(self) -> dict[str, Any]:
        """One entry of Welcome's capabilities["devices"]."""
        problem = f"{self.problem.message} {self.problem.hint}".strip() if self.problem else ""
        name = str(self.capabilities.get("device", self.device))
        entry: dict[str, Any] = {"name": name, "state": self.state.value, "problem": problem}
        if self.memory is not None:
            entry["memory"] = {"free": self.memory.free, "total": self.memory.total}
        return entry


@dataclass(frozen=True, slots=True)
class News:
    """What a worker did: `message` is an event of the job, or its state changed."""

    kind: Literal["event", "changed"]
    worker: Worker
    message: Any = None
    frames: Sequence[Any] = ()


class Pool:
    """One worker per device, and the socket they all connect to."""

    def __init__(
        self,
        context: "zmq.Context[Any]",
        devices: Sequence[str],
        runner: str,
        logs: Path,
        grace: float,
        idle_unload: float | None = None,
        log_level: Level = "info",
        patience: float = PATIENCE_SECONDS,
        memory: int | None = None,
    ) -> None:
        self._memory = memory
        self._patience, self._looked = patience, time.monotonic()
        self._log_level = log_level
        self._runner, self._logs, self._grace, self._idle_unload = runner, logs, grace, idle_unload
        self.socket = context.socket(zmq.ROUTER)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.ROUTER_MANDATORY, 1),
            (zmq.RCVHWM, 64),
            (zmq.SNDHWM, 64),
            (zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES),
        ):
            self.socket.setsockopt(option, value)
        self._address = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"
        counts = {device: devices.count(device) for device in devices}
        self.workers = [
            Worker(device, name=device if counts[device] == 1 else f"{device}-{devices[: number + 1].count(device)}")
            for number, device in enumerate(devices)
        ]
        self._changed: list[Worker] = []
        """Whose state was changed here, and not by what the worker did."""

    def start(self) -> None:
        """Starts all workers."""
        for worker in self.workers:
            self._spawn(worker)

    def close(self) -> None:
        """Ends all workers."""
        for worker in self.workers:
            if worker.process is not None:
                worker.process.kill()
                worker.process.wait()
                _close_input(worker)
        self.socket.close()

    def idle(self) -> Worker | None:
        """A worker that can take a job."""
        return next((each for each in self.workers if each.state is State.IDLE and each.ended is None), None)

    def hopeless(self) -> Failed | None:
        """Why no job can be done, or None while some worker works or starts."""
        problems = [worker.problem for worker in self.workers if worker.state is State.FAILED]
        return problems[0] if len(problems) == len(self.workers) else None

    def retry(self) -> None:
        """Starts workers again that could not start before: the user may have mended the cause."""
        for worker in self.workers:
            if worker.state is State.FAILED and time.monotonic() > worker.started + RETRY_SECONDS:
                self._spawn(worker)

    def rest(self, idle_seconds: float = 0.0) -> bool:
        """Ends the workers that have been idle for so long, and with them what their devices hold; whether any was."""
        limit = time.monotonic() - idle_seconds
        resting = [each for each in self.workers if each.state is State.IDLE and each.idle_since <= limit]
        for worker in resting:
            if worker.process is not None:
                worker.process.kill()
                worker.process.wait()
            _close_input(worker)
            worker.process, worker.identity, worker.ended = None, b"", None
            worker.state, worker.memory = State.ASLEEP, None
            self._changed.append(worker)
            log.info("worker on %s: ended until the next job", worker.device)
        return bool(resting)

    def wake(self) -> None:
        """Starts a worker that was ended to save memory, where none is idle or on its way."""
        if not any(each.state in (State.IDLE, State.STARTING) for each in self.workers):
            for worker in self.workers:
                if worker.state is State.ASLEEP:
                    self._spawn(worker)
                    self._changed.append(worker)
                    return

    def give(self, worker: Worker, request: JobRequest) -> None:
        """The job is the worker's from now on; if it died meanwhile, `news` will tell."""
        worker.state, worker.job_id, worker.kill_at = State.BUSY, request.job_id, None
        worker.request = replace(request, portrait=None, sources=None)
        self._send(worker, request)

    def cancel(self, job_id: str) -> bool:
        """Asks the worker of the job to stop; it is killed if it has not within the grace. False if none has it."""
        for worker in self.workers:
            if worker.job_id == job_id:
                if worker.kill_at is None:
                    worker.kill_at = time.monotonic() + self._grace
                    self._send(worker, Cancel(job_id))
                return True
        return False

    def news(self) -> Iterator[News]:
        """What happened since the last call. Never blocks."""
        if self._idle_unload is not None:
            self.rest(self._idle_unload)
        while self._changed:
            yield News("changed", self._changed.pop())
        for _ in range(64):
            try:
                identity, *frames = self.socket.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                break
            worker = next(
                (each for each in self.workers if each.identity and identity.bytes.removesuffix(BEAT) == each.identity),
                None,
            )
            if worker is None:  # anyone on this machine can connect; only workers know their 32 bytes
                continue
            worker.silent, worker.met = 0.0, True
            if identity.bytes == worker.identity:
                yield from self._heard(worker, [frame.buffer for frame in frames])
        now = time.monotonic()
        step, self._looked = min(now - self._looked, MAX_STEP), now
        for worker in self.workers:
            worker.silent += step
            patience = self._patience if worker.met else max(self._patience, FIRST_SECONDS)
            if worker.process is not None and worker.silent > patience and not worker.hung:
                log.error("worker on %s hangs; killed", worker.device, extra={"job": worker.job_id})
                worker.hung = True
                worker.process.kill()
            if worker.kill_at is not None and time.monotonic() > worker.kill_at and worker.process is not None:
                log.warning("worker on %s does not stop; killed", worker.device, extra={"job": worker.job_id})
                worker.process.kill()
                worker.process.wait()
            if worker.process is not None and worker.process.poll() is not None:
                worker.ended = worker.ended or time.monotonic()
                if time.monotonic() > worker.ended + LAST_WORDS_SECONDS:
                    yield from self._died(worker, worker.process.returncode)

    def log_of(self, worker: Worker) -> Path:
        """What the worker and its libraries wrote."""
        return self._logs / f"worker-{(worker.name or worker.device).replace(':', '-')}.log"

    def _heard(self, worker: Worker, frames: list[Any]) -> Iterator[News]:
        try:
            message = decode(frames, FROM_WORKER)
        except ProtocolError as error:
            log.error("worker on %s sent nonsense: %s", worker.device, error)
            return
        if isinstance(message, Ready):
            worker.state, worker.capabilities, worker.problem = State.IDLE, message.capabilities, None
            worker.idle_since = time.monotonic()
            log.info("worker on %s: ready", worker.described()["name"])
            yield News("changed", worker)
        elif isinstance(message, Memory):
            worker.memory = message
            yield News("changed", worker)
        elif isinstance(message, Unable):
            worker.state = State.FAILED
            worker.problem = Failed("-", message.code, message.message, message.hint)
            log.error("worker on %s: %s", worker.device, message.message)
        elif getattr(message, "job_id", None) == worker.job_id:
            ended = isinstance(message, (Finished, Failed))
            if ended:
                worker.state, worker.job_id, worker.kill_at = State.IDLE, "", None
                worker.idle_since = time.monotonic()
            yield News("event", worker, message, frames)
            if ended:
                yield News("changed", worker)

    def _died(self, worker: Worker, status: int) -> Iterator[News]:
        ending, tail = describe_ending(status), _last_line(self.log_of(worker))
        log.error("worker on %s ended (%s)", worker.device, ending, extra={"job": worker.job_id})
        _close_input(worker)
        job_id, cancelled, was = worker.job_id, worker.kill_at is not None, worker.state
        less = smaller(worker.request) if worker.request else ""
        worker.process, worker.identity, worker.job_id, worker.kill_at, worker.request = None, b"", "", None, None
        if job_id:
            if cancelled:
                message = Failed(job_id, ErrorCode.CANCELLED, "The job was cancelled; its worker had to be ended.")
            elif worker.hung:
                message = Failed(
                    job_id,
                    ErrorCode.WORKER_DIED,
                    "The worker process gave no sign of life any more while making this avatar, and was ended.",
                    "It is started again: generate once more. If it hangs again, look at the computer's load and "
                    f"memory. Its log is {self.log_of(worker).with_suffix('.previous.log')}.",
                )
            else:
                message = Failed(
                    job_id,
                    ErrorCode.WORKER_DIED,
                    f"The worker process ended unexpectedly while making this avatar ({ending}).",
                    f"It is started again: generate once more. If it ends again, memory may be short. {less} Its log is"
                    f" {self.log_of(worker).with_suffix('.previous.log')}.",
                )
            yield News("event", worker, message, encode(message))
        if was is State.STARTING and worker.hung:
            sentence = f"The worker on {worker.device} gave no sign of life while it started, and was ended."
            hint = "Close what keeps the computer busy, then ask again; or give the backend more --patience."
            worker.state, worker.problem = State.FAILED, Failed("-", ErrorCode.NOT_READY, sentence, hint)
        elif was is State.STARTING:
            sentence = f"The worker on {worker.device} could not start ({ending}): {tail}"[:1000]
            hint = "Run maquette doctor on the backend's machine: it says what is missing."
            worker.state, worker.problem = State.FAILED, Failed("-", ErrorCode.NOT_READY, sentence, hint)
        elif was is not State.FAILED:
            self._spawn(worker)
        yield News("changed", worker)

    def _spawn(self, worker: Worker) -> None:
        # The last byte is no BEAT: a worker's two ids must not be taken for each other.
        worker.identity = b"\x01" + secrets.token_bytes(30) + b"\x00"
        worker.silent, worker.met, worker.hung = 0.0, False, False
        worker.state, worker.problem, worker.started, worker.ended = State.STARTING, None, time.monotonic(), None
        path = self.log_of(worker)
        if path.exists():
            os.replace(path, path.with_suffix(".previous.log"))
        roots = [str(Path(backend.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        windows_flags = 0
        if sys.platform == "win32":
            windows_flags = subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            worker.process = subprocess.Popen(
                [sys.executable, "-m", "backend.service.worker"],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, roots)), "PYTHONUNBUFFERED": "1"},
                creationflags=windows_flags,
            )
        settings = {
            "address": self._address,
            "identity": worker.identity.hex(),
            "runner": self._runner,
            "device": worker.device,
            "log": str(path.with_suffix(".jsonl")),
            "level": self._log_level,
            "memory": self._memory,
        }
        if worker.process.stdin is not None:
            with contextlib.suppress(OSError):  # it ended at once: `news` will tell
                worker.process.stdin.write(json.dumps(settings).encode() + b"\n")
                worker.process.stdin.flush()
        log.info("worker on %s: starting, process %d", worker.device, worker.process.pid)

    def _send(self, worker: Worker, message: JobRequest | Cancel) -> None:
        try:
            self.socket.send_multipart([worker.identity, *encode(message)], zmq.DONTWAIT)
        except zmq.ZMQError as error:
            log.warning("worker on %s cannot be reached: %s", worker.device, error)
            if worker.process is not None:
                worker.process.kill()


def describe_ending(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def _close_input(worker: Worker) -> None:
    if worker.process is not None and worker.process.stdin is not None:
        with contextlib.suppress(OSError):  # the pipe broke with the process
            worker.process.stdin.close()


def _last_line(path: Path) -> str:
    lines = [line.strip() for line in path.read_text(errors="replace")[-4000:].splitlines() if line.strip()]
    return lines[-1] if lines else "it wrote nothing"
