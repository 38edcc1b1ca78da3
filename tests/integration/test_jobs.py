# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole jobs through real processes: done, refused, failed, cancelled, survived."""

import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from blender_addon.client import Client, run_job
from blender_addon.launcher import Launched, LaunchError
from blender_addon.protocol import (
    Accepted,
    Applied,
    Cancel,
    Event,
    Failed,
    Finished,
    Follow,
    JobRequest,
    MeshReady,
    Progressed,
    Refused,
    TextureReady,
)

from .conftest import Connect, Start
from .tiny_runner import BROKEN, DEAF, DIES, ENDLESS_MEMORY, PLAIN, SLOW, UNFIT

SECONDS = 20.0
"""Longer than anything here may take."""


def request(seed: int = PLAIN, **fields: object) -> JobRequest:
    return JobRequest(uuid.uuid4().hex, seed=seed, **fields)  # type: ignore[arg-type]


def story(client: Client, job: JobRequest | Follow) -> list[Event]:
    """All events of a job; progress as it comes."""
    return list(run_job(client, job))


def kinds(events: list[Event]) -> list[str]:
    """Their names, repetitions in a row once."""
    names = [type(event).__name__ for event in events]
    return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]


def until(client: Client, wanted: Callable[[Event], bool]) -> Iterator[Event]:
    """Events up to the wanted one."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for event in client.wait(0.1):
            yield event
            if wanted(event):
                return
    raise AssertionError("it did not come")


def last(events: Iterator[Event] | list[Event]) -> Event:
    return list(events)[-1]


def ends(job: JobRequest) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, (Finished, Failed)) and event.job_id == job.job_id


def worker_of(backend: Launched) -> psutil.Process:
    (worker,) = psutil.Process(backend.process.pid).children()
    return worker


def test_a_job_from_portrait_to_recipe(backend: Launched, connect: Connect) -> None:
    client = connect(backend.store)
    events = story(client, request(portrait=b"\xff\xd8\xff"))
    assert kinds(events) == ["Accepted", "Progressed", "MeshReady", "TextureReady", "Finished"]
    finished = events[-1]
    assert isinstance(finished, Finished) and finished.recipe["portrait"] is True
    textures = [event for event in events if isinstance(event, TextureReady)]
    assert [each.level for each in textures] == [0, 1, 2] and [each.final for each in textures] == [False, False, True]
    progress = [event for event in events if isinstance(event, Progressed) and event.stage == "sampling"]
    assert len(progress) == 3 and all(each.preview is not None and each.preview.shape == (8, 8, 3) for each in progress)
    # The worker has told by now what it can do.
    assert client.welcome is not None and client.welcome.capabilities["synthesizers"] == ["tiny"]
    assert client.welcome.capabilities["presets"] == ["draft", "standard", "high"]


@pytest.mark.parametrize(
    ("seed", "code", "sentence"),
    [
        (UNFIT, "bad_portrait", "No face was found."),
        (BROKEN, "internal", "ValueError: a plane is missing"),
        (ENDLESS_MEMORY, "out_of_memory", "memory"),
    ],
)
def test_a_failure_is_a_sentence_and_the_worker_goes_on(
    backend: Launched, connect: Connect, seed: int, code: str, sentence: str
) -> None:
    client = connect(backend.store)
    before = worker_of(backend).pid
    failed = story(client, request(seed))[-1]
    assert isinstance(failed, Failed) and failed.code == code and sentence in failed.message and failed.hint
    assert isinstance(story(client, request())[-1], Finished)
    assert worker_of(backend).pid == before


@pytest.mark.parametrize(
    "wrong",
    [request(preset="ultra"), request(options={"steps": 0}), request(options={"magic": 1}), request(kind="cat")],
)
def test_what_cannot_be_done_is_refused_at_once(backend: Launched, connect: Connect, wrong: JobRequest) -> None:
    (failed,) = story(connect(backend.store), wrong)
    assert isinstance(failed, Failed) and failed.code == "bad_request"


def test_cancel_takes_one_step(backend: Launched, connect: Connect) -> None:
    client, job = connect(backend.store), request(SLOW)
    client.send(job)
    list(until(client, lambda event: isinstance(event, Progressed)))
    asked = time.monotonic()
    client.send(Cancel(job.job_id))
    failed = last(until(client, ends(job)))
    assert isinstance(failed, Failed) and failed.code == "cancelled"
    assert time.monotonic() - asked < 1.0
    assert isinstance(story(client, request())[-1], Finished)


def test_queued_jobs_know_their_place_and_are_cancelled_at_once(backend: Launched, connect: Connect) -> None:
    client = connect(backend.store)
    jobs = [request(SLOW), request(), request()]
    for job in jobs:
        client.send(job)
    events = list(until(client, lambda event: event == Accepted(jobs[2].job_id, 2)))
    assert Accepted(jobs[1].job_id, 1) in events
    client.send(Cancel(jobs[1].job_id))
    events = list(until(client, lambda event: event == Accepted(jobs[2].job_id, 1)))
    (failed,) = (event for event in events if isinstance(event, Failed))
    assert failed.job_id == jobs[1].job_id and failed.code == "cancelled"
    client.send(Cancel(jobs[0].job_id))
    assert isinstance(last(until(client, ends(jobs[2]))), Finished)


def test_the_server_answers_while_the_worker_is_deaf_and_ends_it(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    backend = start(tmp_path, "--grace", "0.5")
    client, job = connect(tmp_path), request(DEAF)
    client.send(job)
    list(until(client, lambda event: isinstance(event, Progressed) and event.fraction > 0.5))
    before = worker_of(backend).pid
    time.sleep(0.1)
    client.send(Cancel(job.job_id))
    asked = time.monotonic()
    other = connect(tmp_path)  # a new client is welcomed meanwhile
    assert time.monotonic() - asked < 0.5
    failed = last(until(client, ends(job)))
    assert isinstance(failed, Failed) and failed.code == "cancelled"
    assert time.monotonic() - asked < 3
    assert isinstance(story(other, request())[-1], Finished)
    assert worker_of(backend).pid != before


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_killed_worker_fails_its_job_only(backend: Launched, connect: Connect, by_itself: bool) -> None:
    client, job, after = connect(backend.store), request(DIES if by_itself else SLOW), request()
    client.send(job)
    client.send(after)
    list(until(client, lambda event: isinstance(event, Progressed)))
    if not by_itself:
        worker_of(backend).send_signal(signal.SIGKILL)
    failed = last(until(client, ends(job)))
    assert isinstance(failed, Failed) and failed.code == "worker_died"
    assert "killed by SIGKILL" in failed.message and "generate once more" in failed.hint
    finished = last(until(client, ends(after)))
    assert isinstance(finished, Finished)


def test_a_client_that_left_finds_its_result(backend: Launched, connect: Connect) -> None:
    client, job = connect(backend.store), request()
    client.send(job)
    list(until(client, lambda event: isinstance(event, Progressed)))
    client.close()
    later = connect(backend.store)
    events = story(later, Follow(job.job_id))
    assert isinstance(events[-1], Finished)
    # What is stored is replayed whole, at once and from disk: shape, best texture, recipe.
    for again in (Follow(job.job_id), job):
        replayed = story(connect(backend.store), again)
        assert [type(event) for event in replayed] == [MeshReady, TextureReady, Finished]
        assert isinstance(replayed[1], TextureReady) and replayed[1].level == 2


def test_an_id_is_for_one_request_and_unknown_ones_are_named(backend: Launched, connect: Connect) -> None:
    client, job = connect(backend.store), request()
    story(client, job)
    (failed,) = story(client, JobRequest(job.job_id, seed=99))
    assert isinstance(failed, Failed) and failed.code == "bad_request"
    (failed,) = story(client, Follow("nobody"))
    assert isinstance(failed, Failed) and failed.code == "unknown_job"
    assert isinstance(story(client, Follow(job.job_id))[-1], Finished)


def test_two_clients_follow_one_job_each_at_its_own_pace(backend: Launched, connect: Connect) -> None:
    eager, lazy, job = connect(backend.store), connect(backend.store), request()
    lazy.send(job)
    assert kinds(story(eager, job))[-1] == "Finished"
    levels = [event.level for event in until(lazy, ends(job)) if isinstance(event, TextureReady)]
    assert levels == [0, 2]  # never said Applied: the first and the last


def test_a_restarted_server_goes_on_and_clients_come_back(start: Start, connect: Connect, tmp_path: Path) -> None:
    first = start(tmp_path)
    client, done, running, queued = connect(tmp_path), request(), request(SLOW, options={"steps": 40}), request()
    story(client, done)
    for job in (running, queued):
        client.send(job)
    list(until(client, lambda event: isinstance(event, Progressed) and event.fraction > 0.1))
    worker = worker_of(first)
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    worker.wait(5)  # ends with its server
    start(tmp_path)
    # The same client object: it notices, connects anew by the new file, and asks for its jobs.
    assert isinstance(last(until(client, ends(queued))), Finished)
    assert [type(event) for event in story(client, Follow(done.job_id))] == [MeshReady, TextureReady, Finished]
    assert isinstance(story(client, Follow(running.job_id))[-1], Finished)


@pytest.mark.parametrize(
    ("runner", "sentence"),
    [
        ("Unable", "The weights are missing."),
        ("Crashing", "libtiny.so: cannot open shared object file"),
        ("Nobody", "Nobody"),
    ],
)
def test_a_worker_that_cannot_start_fails_jobs_with_the_reason(
    start: Start, connect: Connect, tmp_path: Path, runner: str, sentence: str
) -> None:
    backend = start(tmp_path, runner=f"tests.integration.tiny_runner:{runner}")
    client = connect(tmp_path)
    for _ in range(2):  # the second time it is tried again, for the user may have mended it
        failed = story(client, request())[-1]
        assert isinstance(failed, Failed) and failed.code == "not_ready" and sentence in failed.message
    assert client.welcome is not None
    (device,) = client.welcome.capabilities["devices"]
    assert device["state"] in ("failed", "starting")
    assert backend.process.poll() is None


def test_leaving_in_the_middle_cancels_even_when_the_client_closes_at_once(backend: Launched, connect: Connect) -> None:
    client, job = connect(backend.store), request(SLOW)
    events = run_job(client, job)
    while not isinstance(next(events), Progressed):
        pass
    events.close()  # type: ignore[attr-defined]
    client.close()
    failed = story(connect(backend.store), Follow(job.job_id))[-1]
    assert isinstance(failed, Failed) and failed.code == "cancelled"


def test_an_interrupt_at_the_terminal_leaves_the_job_for_later(start: Start, connect: Connect, tmp_path: Path) -> None:
    job = request(SLOW, options={"steps": 20})
    for _ in range(3):  # more often than a job that takes its server down would be tried
        backend = start(tmp_path)
        client = connect(tmp_path)
        client.send(job)
        list(until(client, lambda event: isinstance(event, Progressed) and event.stage == "sampling"))
        os.killpg(backend.process.pid, signal.SIGINT)
        assert backend.process.wait(5) == 0
    start(tmp_path)
    assert isinstance(story(connect(tmp_path), Follow(job.job_id))[-1], Finished)


def test_a_second_server_of_the_store_says_so(backend: Launched, start: Start) -> None:
    with pytest.raises(LaunchError, match="Another backend already serves") as caught:
        start(backend.store)
    assert "choose another --store" in caught.value.hint


def test_a_job_that_takes_its_server_down_is_not_tried_for_ever(start: Start, connect: Connect, tmp_path: Path) -> None:
    job = request(SLOW)
    for _ in range(2):
        backend = start(tmp_path)
        client = connect(tmp_path)
        client.send(job)
        list(until(client, lambda event: isinstance(event, Progressed) and event.stage == "sampling"))
        backend.process.kill()
        backend.process.wait()
    start(tmp_path)
    (failed,) = story(connect(tmp_path), Follow(job.job_id))
    assert isinstance(failed, Failed) and failed.code == "worker_died" and "ended twice" in failed.message


def test_a_job_says_that_it_waits_for_its_worker(start: Start, connect: Connect, tmp_path: Path) -> None:
    start(tmp_path, runner="tests.integration.tiny_runner:Sleepy")
    events = story(connect(tmp_path), request())
    assert [event.stage for event in events if isinstance(event, Progressed)][:2] == ["starting the worker", "sampling"]


def test_stopping_is_clean(start: Start, connect: Connect, tmp_path: Path) -> None:
    backend = start(tmp_path)
    connect(tmp_path)
    worker = worker_of(backend)
    assert json.loads((tmp_path / "connection.json").read_text())["pid"] == backend.process.pid
    backend.process.terminate()
    assert backend.process.wait(5) == 0
    assert not (tmp_path / "connection.json").exists() and not worker.is_running()
    assert "ended" in backend.log.read_text()


def test_an_idle_server_ends_by_itself(start: Start, tmp_path: Path) -> None:
    backend = start(tmp_path, "--idle-exit", "0.3")
    assert backend.process.wait(10) == 0


def test_applied_for_jobs_that_are_not_is_nothing(backend: Launched, connect: Connect) -> None:
    client = connect(backend.store)
    client.send(Applied("nobody", 3))
    client.send(Cancel("nobody"))
    events = story(client, request())
    assert isinstance(events[-1], Finished) and not any(isinstance(event, Refused) for event in events)
