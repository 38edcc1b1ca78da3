# SPDX-License-Identifier: GPL-3.0-or-later
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import zmq

from backend.service.errors import JobError
from backend.service.link import FROM_WORKER, Memory, Ready
from backend.service.worker import Worker, explained, load_runner
from blender_addon.protocol import Cancel, ErrorCode, Event, Failed, Finished, JobRequest, Progressed, decode, encode
from tests.integration.tiny_runner import TinyRunner

IDENTITY = b"\1" * 32


class Steps:
    """A runner whose steps wait for the test; notes how it was left."""

    def __init__(self) -> None:
        self.capabilities: dict[str, Any] = {"device": "here"}
        self.go = threading.Semaphore(0)
        self.left = ""

    def run(self, request: JobRequest) -> Iterator[Event]:
        try:
            for step in range(100):
                yield Progressed(request.job_id, "step", step / 100)
                self.go.acquire()
        except GeneratorExit:
            self.left = "closed"
            raise


class Server:
    """The other end of the link, with a worker in a thread."""

    def __init__(self, runner: Any) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        port = self.socket.bind_to_random_port("tcp://127.0.0.1")
        self.measured = 0
        self.worker = Worker(f"tcp://127.0.0.1:{port}", IDENTITY)
        threading.Thread(target=self.worker.serve, args=(runner,), daemon=True).start()

    def close(self) -> None:
        self.socket.close()
        self.context.term()

    def say(self, message: Any) -> None:
        self.socket.send_multipart([IDENTITY, *encode(message)])

    def hear(self) -> Any:
        """The next message but Memory."""
        while isinstance(message := self.hear_all(), Memory):
            assert 0 < message.free <= message.total
            self.measured += 1
        return message

    def hear_all(self) -> Any:
        assert self.socket.poll(5000)
        identity, *frames = self.socket.recv_multipart()
        assert identity == IDENTITY
        return decode(frames, FROM_WORKER)


@pytest.fixture
def link() -> Iterator[Callable[[Any], Server]]:
    """Servers with a worker around a runner; closed with the test."""
    with ExitStack() as stack:

        def linked(runner: Any) -> Server:
            server = Server(runner)
            stack.callback(server.close)
            return server

        yield linked


def test_the_memory_of_its_device_is_told_before_and_after_each_job(link: Callable[[Any], Server]) -> None:
    server = link(load_runner("tests.integration.tiny_runner:TinyRunner", "cpu"))
    server.hear()
    for name in ("a", "b"):
        server.say(JobRequest(name))
        while not isinstance(server.hear(), Finished):
            pass
    assert server.measured == 2
    assert isinstance(server.hear_all(), Memory)


def test_it_reports_ready_and_runs_job_after_job(link: Callable[[Any], Server]) -> None:
    server = link(load_runner("tests.integration.tiny_runner:TinyRunner", "cpu"))
    assert server.hear() == Ready(TinyRunner("cpu").capabilities)
    for name in ("a", "b"):
        server.say(JobRequest(name))
        heard = [server.hear()]
        while not isinstance(heard[-1], Finished):
            heard.append(server.hear())
        assert {event.job_id for event in heard} == {name}


def test_cancel_closes_the_runner_at_its_next_step(link: Callable[[Any], Server]) -> None:
    runner = Steps()
    server = link(runner)
    server.hear()
    server.say(JobRequest("a"))
    assert isinstance(server.hear(), Progressed)
    runner.go.release()
    assert isinstance(server.hear(), Progressed)
    server.say(Cancel("another"))
    server.say(Cancel("a"))
    heard: Event = Progressed("a", "step", 0)
    while isinstance(heard, Progressed):  # at most until the cancel has travelled
        runner.go.release()
        heard = server.hear()
    assert heard == Failed("a", "cancelled", "The job was cancelled.")
    assert runner.left == "closed"


def test_a_runner_that_just_stops_is_a_fault(link: Callable[[Any], Server]) -> None:
    class Silent:
        capabilities: dict[str, Any] = {}  # noqa: RUF012

        def run(self, request: JobRequest) -> Iterator[Event]:
            yield Progressed(request.job_id, "step", 0.5)

    server = link(Silent())
    server.hear()
    server.say(JobRequest("a"))
    server.hear()
    failed = server.hear()
    assert isinstance(failed, Failed) and failed.code == "internal" and "without a result" in failed.message


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (JobError(ErrorCode.BAD_PORTRAIT, "No face.", "Another."), "bad_portrait"),
        (MemoryError(), "out_of_memory"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA"), "out_of_memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"), "out_of_memory"),
        (KeyError("x"), "internal"),
        (ValueError("y" * 9999), "internal"),
    ],
)
def test_errors_become_messages_that_can_be_sent(error: Exception, code: str) -> None:
    failed = explained(error, JobRequest("a"))
    assert failed.code == code and failed.hint
    encode(failed)
