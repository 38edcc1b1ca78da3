# SPDX-License-Identifier: GPL-3.0-or-later
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from backend.service.pool import News, Pool, State, describe_ending
from blender_addon.protocol import Failed, Finished, JobRequest
from tests.integration.tiny_runner import PLAIN, SLOW


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    """Two workers."""
    context: zmq.Context[Any] = zmq.Context()
    made = Pool(context, ("cpu", "cpu:1"), "tests.integration.tiny_runner:TinyRunner", tmp_path, grace=5.0)
    made.start()
    yield made
    made.close()
    context.term()


def collect(pool: Pool, wanted: Any) -> list[News]:
    """News until `wanted()` holds."""
    news: list[News] = []
    end = time.monotonic() + 20
    while not wanted():
        assert time.monotonic() < end
        pool.socket.poll(50)
        news += pool.news()
    return news


def test_each_device_has_a_worker_with_one_job_at_a_time(pool: Pool) -> None:
    collect(pool, lambda: all(each.state is State.IDLE for each in pool.workers))
    assert [each.described()["name"] for each in pool.workers] == ["cpu", "cpu:1"]
    for name in ("a", "b"):
        worker = pool.idle()
        assert worker is not None
        pool.give(worker, JobRequest(name, seed=PLAIN))
    assert pool.idle() is None
    news = collect(pool, lambda: all(each.state is State.IDLE for each in pool.workers))
    ended = {each.message.job_id: each.worker.device for each in news if isinstance(each.message, Finished)}
    assert ended == {"a": "cpu", "b": "cpu:1"}


def test_a_dead_worker_is_replaced_and_the_other_does_not_notice(pool: Pool) -> None:
    collect(pool, lambda: all(each.state is State.IDLE for each in pool.workers))
    one, other = pool.workers
    pool.give(one, JobRequest("a", seed=SLOW))
    pool.give(other, JobRequest("b", seed=PLAIN))
    assert one.process is not None
    one.process.kill()
    news = collect(pool, lambda: all(each.state is State.IDLE for each in pool.workers))
    outcomes = {each.message.job_id: each.message for each in news if isinstance(each.message, (Finished, Failed))}
    assert isinstance(outcomes["b"], Finished)
    assert isinstance(outcomes["a"], Failed) and outcomes["a"].code == "worker_died"
    assert pool.log_of(one).with_suffix(".previous.log").exists()


def test_strangers_on_the_link_are_not_heard(pool: Pool) -> None:
    context: zmq.Context[Any] = zmq.Context()
    stranger = context.socket(zmq.DEALER)
    stranger.setsockopt(zmq.LINGER, 0)
    stranger.connect(pool.socket.getsockopt_string(zmq.LAST_ENDPOINT))
    for frames in ([b"junk"], [b'{"protocol":1,"kind":"Ready","fields":{"capabilities":{}}}']):
        stranger.send_multipart(frames)
    collect(pool, lambda: all(each.state is State.IDLE for each in pool.workers))
    assert all(each.capabilities["synthesizers"] == ["tiny"] for each in pool.workers)
    stranger.close()
    context.term()


def test_endings_have_names() -> None:
    assert describe_ending(3) == "status 3"
    assert describe_ending(-9) == "killed by SIGKILL"
    assert describe_ending(-200) == "killed by signal 200"


def test_a_worker_that_rests_is_gone_with_its_memory_and_comes_back(pool: Pool) -> None:
    collect(pool, lambda: all(each.state is State.IDLE and each.memory for each in pool.workers))
    assert pool.workers[0].described()["memory"]["total"] > 0
    busy, resting = pool.workers
    pool.give(busy, JobRequest("a", seed=SLOW))
    process = resting.process
    assert process is not None and pool.rest()
    assert process.poll() is not None and resting.state is State.ASLEEP and busy.state is State.BUSY
    assert not pool.rest()
    assert any(each.worker is resting for each in pool.news())
    assert pool.hopeless() is None and pool.idle() is None
    pool.wake()
    collect(pool, lambda: resting.state is State.IDLE)
    assert pool.cancel("a")


def test_workers_rest_by_themselves_when_told_so(tmp_path: Path) -> None:
    context: zmq.Context[Any] = zmq.Context()
    made = Pool(context, ("cpu",), "tests.integration.tiny_runner:TinyRunner", tmp_path, grace=5.0, idle_unload=0.1)
    made.start()
    try:
        collect(made, lambda: made.workers[0].state is State.ASLEEP)
    finally:
        made.close()
        context.term()


@pytest.mark.parametrize("first", [60.0, 0.05])
def test_a_worker_that_starts_slowly_is_waited_for_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: float
) -> None:
    monkeypatch.setattr("backend.service.pool.FIRST_SECONDS", first)
    context: zmq.Context[Any] = zmq.Context()
    made = Pool(context, ("cpu",), "tests.integration.tiny_runner:TinyRunner", tmp_path, grace=5.0, patience=0.05)
    (worker,) = made.workers
    made.start()
    try:
        if first > 1:
            collect(made, lambda: worker.met)
            return
        collect(made, lambda: worker.state is State.FAILED)
        assert made.hopeless() is not None and worker.problem is not None
        assert "no sign of life while it started" in worker.problem.message and "--patience" in worker.problem.hint
    finally:
        made.close()
        context.term()


def test_workers_of_one_device_have_a_log_each(tmp_path: Path) -> None:
    context: zmq.Context[Any] = zmq.Context()
    pool = Pool(context, ("cuda:0", "cuda:0", "cpu"), "none:None", tmp_path, grace=5.0)
    names = [pool.log_of(worker).name for worker in pool.workers]
    assert names == ["worker-cuda-0-1.log", "worker-cuda-0-2.log", "worker-cpu.log"]
    pool.close()
    context.term()
