# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that computes: loads a runner once, then iterates one job at a time and sends what it yields.

Started by `pool` as `python -m backend.service.worker`, with one line of JSON on standard input: link address, routing
id, runner, device, file and level of its log, and how much memory it may take. When standard input ends, the server is
gone, and so is this process.

A runner is `load(device) -> object` with `capabilities` (a dict for Welcome) and `run(request: JobRequest)`, a
generator of protocol events ending in Finished. Between two of its steps the worker looks whether the job was
cancelled, and closes the generator if so. Runners raise JobError for what a user can mend.
"""

import contextlib
import faulthandler
import importlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import zmq

from blender_addon.protocol import Cancel, ErrorCode, Event, Failed, Finished, JobRequest, decode, encode

from .advice import is_memory, out_of_memory
from .errors import JobError, ServiceError
from .link import BEAT, BEAT_SECONDS, MAX_MESSAGE_BYTES, TO_WORKER, Memory, Ready, Unable
from .logs import about, logged
from .memory import free_and_total, limit_memory

log = logging.getLogger("backend.service.worker")  # as a program its own name is another

NICENESS = 5
"""The user's Blender goes first where both want the processor."""


class Runner(Protocol):
    """What makes the results."""

    capabilities: dict[str, Any]
    """Merged into Welcome's: {"synthesizers": [...], "refiners": [...]}; "device" is what "auto" came to."""

    def run(self, request: JobRequest) -> Iterator[Event]: ...


def load_runner(entry: str, device: str) -> Runner:
    """The runner that `package.module:callable` makes for the device."""
    module, _, name = entry.partition(":")
    runner: Runner = getattr(importlib.import_module(module), name)(device)
    return runner


def explained(error: BaseException, request: JobRequest) -> Failed:
    """The error as the job's last message."""
    kind = type(error).__name__
    if isinstance(error, JobError):
        return Failed(request.job_id, error.code, error.message, error.hint)
    if is_memory(error):
        return out_of_memory(request)
    return Failed(
        request.job_id,
        ErrorCode.INTERNAL,
        f"The backend made a mistake: {kind}: {error}"[:1000],
        "The worker's log beside the connection file tells more; please report it.",
    )


class Worker:
    """One end of the link to the server."""

    def __init__(self, address: str, identity: bytes) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.ROUTING_ID, identity)
        self._socket.setsockopt(zmq.LINGER, 2000)  # the last words of a worker that cannot start
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        self._socket.connect(address)

    def close(self) -> None:
        self._socket.close()
        self._context.term()

    def send(self, message: Any) -> None:
        self._socket.send_multipart(encode(message), copy=True)

    def serve(self, runner: Runner) -> None:
        """Runs jobs for ever."""
        self.send(Ready(runner.capabilities))
        while True:
            if (bytes_of := free_and_total(str(runner.capabilities.get("device", "cpu")))) is not None:
                self.send(Memory(*bytes_of))
            message = decode(self._socket.recv_multipart(), TO_WORKER)
            if isinstance(message, JobRequest):
                with about(message.job_id):
                    last = self._last_word(runner, message)
                self.send(last)

    def _last_word(self, runner: Runner, request: JobRequest) -> Finished | Failed:
        """Runs the job and sends all its events but the last, which is returned."""
        log.info("job %s: begun", request.job_id)
        steps: Iterator[Event] = iter(())
        try:
            steps = runner.run(request)
            for event in steps:
                if isinstance(event, (Finished, Failed)):
                    log.info("job %s: %s", request.job_id, type(event).__name__.lower())
                    return event
                self.send(event)
                if self._cancelled(request.job_id):
                    log.info("job %s: cancelled", request.job_id)
                    return Failed(request.job_id, ErrorCode.CANCELLED, "The job was cancelled.")
            raise RuntimeError("the runner stopped without a result")
        except Exception as error:
            if not isinstance(error, JobError):
                log.exception("job %s: failed", request.job_id)
            return explained(error, request)
        finally:
            close = getattr(steps, "close", None)
            if close is not None:
                close()

    def _cancelled(self, job_id: str) -> bool:
        found = False
        while self._socket.poll(0):
            message = decode(self._socket.recv_multipart(), TO_WORKER)
            found |= isinstance(message, Cancel) and message.job_id == job_id
        return found


def main() -> int:
    """Exit status."""
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # typed at the terminal it is meant for the server, which ends us
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S")
    settings = json.loads(sys.stdin.readline())
    if settings.get("memory"):
        limit_memory(int(settings["memory"]))
    threading.Thread(target=_end_with_server, daemon=True).start()
    with logged(Path(settings["log"]), settings["level"]):
        return _serve(settings)


def _serve(settings: dict[str, Any]) -> int:
    address, identity = settings["address"], bytes.fromhex(settings["identity"])
    threading.Thread(target=_beat, args=(address, identity), daemon=True).start()
    worker = Worker(address, identity)
    try:
        runner = load_runner(settings["runner"], settings["device"])
    except Exception as error:
        log.exception("the runner cannot be loaded")
        if isinstance(error, ServiceError):
            worker.send(Unable(ErrorCode.NOT_READY, error.message, error.hint))
        else:
            sentence = f"The worker cannot start: {type(error).__name__}: {error}"[:1000]
            hint = "Run maquette doctor on the backend's machine: it says what is missing."
            worker.send(Unable(ErrorCode.NOT_READY, sentence, hint))
        worker.close()
        return 1
    worker.serve(runner)
    return 0


def _beat(address: str, identity: bytes) -> None:
    socket = zmq.Context().socket(zmq.DEALER)
    socket.setsockopt(zmq.ROUTING_ID, identity + BEAT)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, 2)
    socket.connect(address)
    while True:
        with contextlib.suppress(zmq.Again):
            socket.send(b"", zmq.DONTWAIT)
        time.sleep(BEAT_SECONDS)


def _end_with_server() -> None:
    while sys.stdin.readline():
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
