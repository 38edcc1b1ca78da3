# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong on real machines, with real processes: one clear sentence each, and nothing that is done is lost."""

import contextlib
import json
import os
import signal
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest
import zmq

from blender_addon import launcher
from blender_addon.client import Client, State, run_job
from blender_addon.launcher import LaunchError
from blender_addon.protocol import (
    Cancel,
    Event,
    Failed,
    Finished,
    Follow,
    Hello,
    JobRequest,
    ListJobs,
    Progressed,
    Refused,
    TextureReady,
    Welcome,
    decode_event,
    encode,
    read_connection,
)

from .conftest import ROOT, TINY, Connect, Start
from .tiny_runner import HUNGRY, PLAIN, SLOW

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and limits are POSIX")


def request(seed: int = PLAIN, **fields: object) -> JobRequest:
    return JobRequest(uuid.uuid4().hex, seed=seed, **fields)  # type: ignore[arg-type]


def ending(client: Client, job: JobRequest | Follow) -> Event:
    return list(run_job(client, job))[-1]


def at_work(client: Client, job: JobRequest) -> None:
    """Submits it and returns once its worker says something."""
    client.send(job)
    end = time.monotonic() + 20
    while not any(isinstance(event, Progressed) and event.fraction > 0 for event in client.wait(0.1)):
        assert time.monotonic() < end


def test_a_full_disk_costs_what_does_not_fit_and_says_so(tmp_path: Path, connect: Connect) -> None:
    # A limit on the size of files ends writes as a full disk does, and needs no rights.
    command = ["/bin/sh", "-c", 'ulimit -f 200; exec "$@"', "sh", sys.executable, "-m", "backend", "serve"]
    launched = launcher.start([*command, "--runner", TINY], tmp_path, device="cpu", idle_exit=60, folder=ROOT)
    try:
        launched.wait(30)
        client, before = connect(tmp_path), request()
        assert isinstance(ending(client, before), Finished)
        failed = ending(client, request(portrait=bytes(1 << 20)))
        assert isinstance(failed, Failed)
        assert failed.message == "The disk of the backend's store is full." and "Free some space" in failed.hint
        assert isinstance(ending(client, request()), Finished)
        assert isinstance(ending(connect(tmp_path), Follow(before.job_id)), Finished)
        assert len(list((tmp_path / "jobs").iterdir())) == 2
        assert not list(tmp_path.rglob("*.part"))
    finally:
        launched.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")
def test_a_job_that_wants_too_much_memory_fails_alone_and_says_what_wants_less(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    backend = start(tmp_path, "--memory-limit", "0.7")
    client, before = connect(tmp_path), request()
    assert isinstance(ending(client, before), Finished)
    (worker,) = psutil.Process(backend.process.pid).children()
    failed = ending(client, request(HUNGRY, preset="high"))
    assert isinstance(failed, Failed) and failed.code == "out_of_memory" and "at the preset high" in failed.message
    assert failed.hint == "Choose the preset standard, or close what else needs memory."
    assert isinstance(ending(client, request()), Finished)
    assert psutil.Process(backend.process.pid).children() == [worker]
    assert isinstance(ending(client, Follow(before.job_id)), Finished)


def test_weights_that_are_missing_or_damaged_are_named(
    start: Start, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "default.safetensors"
    monkeypatch.setenv("MAQUETTE_TEST_WEIGHTS", str(weights))
    store = tmp_path / "store"
    start(store, runner="tests.integration.tiny_runner:weights_of_a_file")
    client = connect(store)
    missing = ending(client, request())
    assert isinstance(missing, Failed) and missing.code == "not_ready"
    assert "are missing" in missing.message and "reinstall" in missing.hint
    weights.write_bytes((ROOT / "backend/weights/default.safetensors").read_bytes()[:100_000])
    time.sleep(1.0)  # a worker that could not start is tried again after a second
    damaged = ending(client, request())
    assert isinstance(damaged, Failed) and "are damaged" in damaged.message and "reinstall" in damaged.hint


def test_a_second_server_on_a_port_says_so_and_the_first_goes_on(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    start(tmp_path / "first")
    port = read_connection(tmp_path / "first" / "connection.json").address.rsplit(":", 1)[1]
    with pytest.raises(LaunchError, match=f"Cannot listen at tcp://127.0.0.1:{port}") as caught:
        start(tmp_path / "second", "--port", port)
    assert caught.value.hint == "Leave --port out, or choose another one."
    assert isinstance(ending(connect(tmp_path / "first"), request()), Finished)


def test_an_old_client_hears_what_to_do_and_disturbs_nobody(start: Start, connect: Connect, tmp_path: Path) -> None:
    start(tmp_path)
    connection, context = read_connection(tmp_path / "connection.json"), zmq.Context()
    old = context.socket(zmq.DEALER)
    for option, value in ((zmq.ROUTING_ID, b"\1" + os.urandom(15)), (zmq.LINGER, 0)):
        old.setsockopt(option, value)
    old.connect(connection.address)
    for version in (0, 2):
        said = {"protocol": version, "kind": "Hello", "fields": {"version": "0.0.1", "token": connection.key}}
        old.send(json.dumps(said).encode())
        assert old.poll(10_000)
        refused = decode_event(old.recv_multipart())
        assert isinstance(refused, Refused) and refused.code == "wrong_version"
        assert f"speaks version {version}" in refused.message and "install the same Maquette release" in refused.message
    # One of this version's first day: it knows neither label nor priority, and no capability but the first.
    for kind, fields in (
        ("Hello", {"version": "0.1.0", "token": connection.key}),
        ("JobRequest", {"job_id": "first-day", "preset": "draft"}),
    ):
        old.send(json.dumps({"protocol": 1, "kind": kind, "fields": fields, "buffers": []}).encode())
    heard: list[Event] = []
    while not heard or not isinstance(heard[-1], (Finished, Failed)):
        assert old.poll(20_000)
        heard.append(decode_event(old.recv_multipart()))
    assert isinstance(heard[-1], Finished)
    assert isinstance(ending(connect(tmp_path), request()), Finished)
    old.close()
    context.term()


def test_a_client_that_floods_costs_the_others_nothing(start: Start, connect: Connect, tmp_path: Path) -> None:
    backend = start(tmp_path)
    connection, context = read_connection(tmp_path / "connection.json"), zmq.Context()
    flood = context.socket(zmq.DEALER)
    for option, value in ((zmq.ROUTING_ID, b"\1" + os.urandom(15)), (zmq.LINGER, 0), (zmq.SNDHWM, 100)):
        flood.setsockopt(option, value)
    flood.connect(connection.address)
    flood.send_multipart(encode(Hello("0.1.0", connection.key, "flood")))
    assert isinstance(decode_event(flood.recv_multipart()), Welcome)
    server, client = psutil.Process(backend.process.pid), connect(tmp_path)
    before, sent = server.memory_info().rss, 0
    events, question = run_job(client, request(options={"steps": 20})), encode(ListJobs())
    for event in events:
        for number in range(500):  # what it asks for, and never reads; and more jobs than anyone may have
            frames = encode(request()) if number % 10 == 0 else question
            with contextlib.suppress(zmq.Again):
                flood.send_multipart(frames, zmq.DONTWAIT)
                sent += 1
        last = event
    assert isinstance(last, Finished) and sent > 1000
    while flood.poll(300):
        flood.recv_multipart()
    assert server.memory_info().rss - before < 64 << 20
    flood.close()
    context.term()
    assert isinstance(ending(connect(tmp_path), request()), Finished)


def test_a_slow_reader_holds_nobody_up_and_misses_no_ending(start: Start, connect: Connect, tmp_path: Path) -> None:
    start(tmp_path)
    connection, context = read_connection(tmp_path / "connection.json"), zmq.Context()
    slow = context.socket(zmq.DEALER)
    for option, value in ((zmq.ROUTING_ID, b"\1" + os.urandom(15)), (zmq.LINGER, 0), (zmq.RCVHWM, 1)):
        slow.setsockopt(option, value)
    slow.connect(connection.address)
    slow.send_multipart(encode(Hello("0.1.0", connection.key, "slow")))
    assert isinstance(decode_event(slow.recv_multipart()), Welcome)
    jobs = [request(options={"steps": 1}) for _ in range(8)]
    for job in jobs:
        slow.send_multipart(encode(job))
    assert isinstance(ending(connect(tmp_path), request()), Finished)  # behind all of them
    done, textures = set(), 0
    while len(done) < len(jobs) and slow.poll(10_000):
        event = decode_event(slow.recv_multipart())
        textures += isinstance(event, TextureReady) and event.final
        done |= {event.job_id} if isinstance(event, Finished) else set()
    assert done == {job.job_id for job in jobs} and textures == len(jobs)
    slow.close()
    context.term()


@pytest.mark.parametrize("seconds", [0.5, 3.0, pytest.param(60.0, marks=pytest.mark.slow)])
def test_a_machine_that_sleeps_goes_on_when_it_wakes(
    start: Start, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    if seconds < 60:  # a minute is more than the times that are shipped; of shorter naps they would see nothing
        monkeypatch.setattr("blender_addon.client.PING_SECONDS", 0.3)
        monkeypatch.setattr("blender_addon.client.SILENCE_SECONDS", 1.0)
    backend, before, job, after = start(tmp_path), request(), request(SLOW, options={"steps": 20}), request()
    client = connect(tmp_path)
    assert isinstance(ending(client, before), Finished)
    at_work(client, job)
    client.send(after)
    os.killpg(backend.process.pid, signal.SIGSTOP)
    try:
        end, lost = time.monotonic() + seconds, False
        while time.monotonic() < end:
            client.wait(0.1)
            lost |= client.state is State.LOST
    finally:
        os.killpg(backend.process.pid, signal.SIGCONT)
    assert lost == (seconds > 1.5)
    # What was at work, what waited, and what was done before.
    for each in (job, after, Follow(before.job_id)):
        assert isinstance(ending(client, each), Finished)


def test_a_worker_that_hangs_is_ended_by_cancel_and_replaced(start: Start, connect: Connect, tmp_path: Path) -> None:
    backend, done, job = start(tmp_path, "--grace", "0.3"), request(), request(SLOW)
    client = connect(tmp_path)
    ending(client, done)
    at_work(client, job)
    (worker,) = psutil.Process(backend.process.pid).children()
    worker.suspend()
    client.send(Cancel(job.job_id))
    failed = ending(client, job)
    assert isinstance(failed, Failed) and failed.code == "cancelled" and "had to be ended" in failed.message
    assert isinstance(ending(client, request()), Finished)
    assert isinstance(ending(client, Follow(done.job_id)), Finished)


def test_a_worker_that_hangs_is_noticed_by_itself(start: Start, connect: Connect, tmp_path: Path) -> None:
    backend, job = start(tmp_path, "--patience", "2.5"), request(SLOW)
    client = connect(tmp_path)
    at_work(client, job)
    (worker,) = psutil.Process(backend.process.pid).children()
    worker.suspend()
    failed = ending(client, job)
    assert isinstance(failed, Failed) and failed.code == "worker_died"
    assert "no sign of life" in failed.message and "generate once more" in failed.hint
    assert isinstance(ending(client, request()), Finished)


def test_a_long_step_is_no_hanging(start: Start, connect: Connect, tmp_path: Path) -> None:
    start(tmp_path, "--patience", "2.5", runner="tests.integration.tiny_runner:Pausing")
    assert isinstance(ending(connect(tmp_path), request()), Finished)
