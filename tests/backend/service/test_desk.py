# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest

from backend.pipeline.request import RequestError
from backend.service.desk import NEAR, WAKING
from backend.service.errors import JobError
from backend.service.pool import State
from blender_addon.protocol import (
    Accepted,
    Applied,
    Cancel,
    Discard,
    Event,
    Failed,
    Finished,
    Follow,
    FreeMemory,
    JobRequest,
    JobsListed,
    ListJobs,
    Move,
    Progressed,
    TextureReady,
)
from tests.backend.service.desk_room import ANNA, BERT, MESH, Room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_jobs_are_done_in_order_and_everyone_knows_his_place(room: Room) -> None:
    for name in "abc":
        room.ask(JobRequest(name))
    assert room.ears() == [Accepted("a", 0), Accepted("b", 1), Accepted("c", 2)]
    room.work(Finished("a", {}))
    assert room.ears() == [Finished("a", {}), Accepted("b", 0), Accepted("c", 1)]
    assert [request.job_id for request in room.hands.given] == ["a", "b"]
    room.ask(Cancel("c"))
    (failed,) = room.ears()
    assert isinstance(failed, Failed) and failed.code == "cancelled"
    room.ask(Cancel("b"))
    assert room.hands.cancelled == ["b"] and room.ears() == []


def test_what_the_worker_says_reaches_its_followers_only(room: Room) -> None:
    room.ask(JobRequest("a"))
    room.ask(JobRequest("b"), BERT)
    room.ears(BERT)
    room.work(Progressed("a", "sampling", 0.5))
    room.work(MESH)
    assert kinds(room.ears()) == ["Accepted", "Progressed", "MeshReady"] and room.ears(BERT) == []
    room.ask(Follow("a"), BERT)
    assert kinds(room.ears(BERT)) == ["Accepted", "Progressed", "MeshReady"]


def test_textures_follow_credit(room: Room) -> None:
    room.ask(JobRequest("a"))
    room.ears()
    for level in range(3):
        room.work(TextureReady("a", level, np.zeros((1, 1, 3), np.uint8)))
    room.ask(Applied("a", 0))
    assert [event.level for event in room.ears() if isinstance(event, TextureReady)] == [0, 2]


def test_a_job_that_waits_for_a_starting_worker_says_so(room: Room) -> None:
    room.hands.workers[0].state = State.STARTING
    room.ask(JobRequest("a"))
    room.ask(JobRequest("b"))
    waking = [event for event in room.ears() if isinstance(event, Progressed)]
    assert [(event.job_id, event.stage) for event in waking] == [("a", WAKING)]


def test_where_no_worker_can_start_jobs_fail_with_the_reason(room: Room) -> None:
    worker = room.hands.workers[0]
    worker.state, worker.problem = State.FAILED, Failed("-", "not_ready", "No weights.", "Get them.")
    room.ask(JobRequest("a"))
    assert room.ears()[-1] == Failed("a", "not_ready", "No weights.", "Get them.")


def test_what_cannot_be_done_is_said_before_anything_is_stored(room: Room) -> None:
    with pytest.raises(RequestError):
        room.ask(JobRequest("a", preset="ultra"))
    with pytest.raises(RequestError, match="kind of request 'cat'"):
        room.ask(JobRequest("a", kind="cat"))
    with pytest.raises(RequestError, match="needs one avatar's source"):
        room.ask(JobRequest("a", kind="edit", options={"sentence": "add a beard"}))
    with pytest.raises(JobError, match="does not know"):
        room.ask(Follow("a"))
    assert room.store.unfinished() == []


def test_unfinished_jobs_go_on_but_not_for_ever(room: Room, tmp_path: Path) -> None:
    for name in "ab":
        room.ask(JobRequest(name))
    room.desk.postpone()
    room.store.close()
    second = Room(tmp_path)
    second.desk.resume()
    assert list(second.desk.places()) == ["a", "b"]
    second.desk.dispatch()  # and now the power fails, twice
    second.store.close()
    third = Room(tmp_path)
    third.desk.resume()
    third.desk.dispatch()
    third.store.close()
    fourth = Room(tmp_path)
    fourth.desk.resume()
    assert list(fourth.desk.places()) == ["b"]
    fourth.ask(Follow("a"))
    (failed,) = fourth.ears()
    assert isinstance(failed, Failed) and "ended twice" in failed.message


def test_a_result_that_cannot_be_stored_is_told_all_the_same(room: Room, tmp_path: Path) -> None:
    room.ask(JobRequest("a"))
    for place in tmp_path.glob("jobs/*"):
        for file in place.iterdir():
            file.unlink()
        place.rmdir()
    room.work(MESH)
    room.work(Finished("a", {}))
    assert kinds(room.ears()) == ["Accepted", "MeshReady", "Finished"]


def test_what_waits_changes_places(room: Room) -> None:
    for name in "abcd":
        room.ask(JobRequest(name), BERT if name == "c" else ANNA)
    room.ears(), room.ears(BERT)
    assert list(room.desk.places()) == ["a", "c", "b", "d"]  # Anna has one at work: Bert is next
    room.ask(Move("d", 0))
    assert room.ears() == [Accepted("d", 2), Accepted("b", 3)] and room.ears(BERT) == []
    room.ask(Move("b", 0))
    assert list(room.desk.places()) == ["a", "c", "b", "d"]
    with pytest.raises(JobError, match="does not wait"):
        room.ask(Move("a", 0))


def test_jobs_are_listed_and_results_deleted(room: Room) -> None:
    room.ask(JobRequest("a", seed=5, preset="draft", label="Anna"))
    room.ask(JobRequest("b"))
    room.ears()
    room.ask(ListJobs())
    (listed,) = room.ears()
    assert isinstance(listed, JobsListed)
    newest, oldest = listed.jobs["jobs"]
    assert (newest["job_id"], newest["state"]) == ("b", "queued")
    assert {key: oldest[key] for key in ("job_id", "label", "preset", "seed", "portrait", "state", "seconds")} == {
        "job_id": "a",
        "label": "Anna",
        "preset": "draft",
        "seed": 5,
        "portrait": False,
        "state": "running",
        "seconds": None,
    }
    with pytest.raises(JobError, match="nothing to delete"):
        room.ask(Discard("a"))
    room.work(Finished("a", {"seconds": {"total": 7.5}}))
    room.ears()
    room.ask(ListJobs(limit=5))
    (listed,) = room.ears()
    assert isinstance(listed, JobsListed)
    assert [(each["state"], each["seconds"]) for each in listed.jobs["jobs"]] == [("running", None), ("done", 7.5)]
    room.ask(Discard("a"))
    (listed,) = room.ears()
    assert isinstance(listed, JobsListed) and [each["job_id"] for each in listed.jobs["jobs"]] == ["b"]
    assert not room.store.knows("a")


def test_two_who_ask_take_turns_and_hear_of_it(room: Room) -> None:
    for name in "abc":
        room.ask(JobRequest(name))
    room.ears()
    room.ask(JobRequest("d", priority="low"), BERT)
    room.ask(JobRequest("e"), BERT)
    assert room.ears(BERT) == [Accepted("d", 3), Accepted("e", 1), Accepted("d", 4)]
    assert room.ears() == [Accepted("b", 2), Accepted("c", 3)]
    for name in "aebc":
        assert room.hands.given[-1].job_id == name
        room.work(Finished(name, {}))
    assert room.hands.given[-1].job_id == "d"


def test_far_back_only_great_changes_are_told(room: Room) -> None:
    for number in range(60):
        room.ask(JobRequest(f"j{number}"))
    room.ears()
    room.work(Finished("j0", {}))
    told = {event.job_id: event.position for event in room.ears() if isinstance(event, Accepted)}
    assert told == {f"j{number}": number - 1 for number in range(1, NEAR + 2)}
    for number in range(1, 7):
        room.work(Finished(f"j{number}", {}))
    told = {event.job_id: event.position for event in room.ears() if isinstance(event, Accepted)}
    assert told["j59"] == 53


def test_the_queue_has_an_end_for_each_and_for_all(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.service.desk.MAX_OF_ONE", 2)
    monkeypatch.setattr("backend.service.desk.MAX_QUEUE", 3)
    for name in "ab":
        room.ask(JobRequest(name))
    with pytest.raises(JobError, match="2 jobs of yours wait already"):
        room.ask(JobRequest("c"))
    room.ask(JobRequest("a"))  # the same again is no new one
    room.ask(JobRequest("d"), BERT)
    with pytest.raises(JobError, match="3 jobs wait already") as caught:
        room.ask(JobRequest("e"), BERT)
    assert caught.value.code == "queue_full"
    room.work(Finished("a", {}))
    room.ask(JobRequest("c"))
    monkeypatch.setattr("backend.service.desk.MAX_BYTES_OF_ONE", 1000)
    room.work(Finished("b", {}))
    with pytest.raises(JobError, match="fill the queue"):
        room.ask(JobRequest("f", portrait=bytes(1000)))


def test_who_holds_another_key_sees_and_touches_nothing(room: Room) -> None:
    room.audience.greet(ANNA, "", "anna's key")
    room.audience.greet(BERT, "", "bert's key")
    room.ask(JobRequest("a"))
    room.ask(JobRequest("b"))
    room.ears()
    with pytest.raises(JobError, match="does not know"):
        room.ask(Follow("a"), BERT)
    with pytest.raises(JobError, match="does not wait"):
        room.ask(Move("b", 0), BERT)
    with pytest.raises(JobError, match="Another request"):
        room.ask(JobRequest("a"), BERT)
    room.ask(Cancel("b"), BERT)
    room.ask(Cancel("a"), BERT)
    assert room.hands.cancelled == [] and list(room.desk.places()) == ["a", "b"]
    room.ask(ListJobs(), BERT)
    (listed,) = room.ears(BERT)
    assert isinstance(listed, JobsListed) and listed.jobs == {"jobs": []}
    room.work(Finished("a", {}))
    with pytest.raises(JobError, match="nothing to delete"):
        room.ask(Discard("a"), BERT)
    room.audience.greet(BERT, "")  # who reads this machine's connection file runs the backend
    room.ask(ListJobs(), BERT)
    (listed,) = room.ears(BERT)
    assert isinstance(listed, JobsListed) and [each["job_id"] for each in listed.jobs["jobs"]] == ["b", "a"]


def test_shares_and_priorities_outlive_a_restart(room: Room, tmp_path: Path) -> None:
    room.audience.greet(BERT, "", "bert's key")
    for name in "abc":
        room.ask(JobRequest(name, priority="low" if name == "a" else None))
    room.ask(JobRequest("d"), BERT)
    room.store.close()
    second = Room(tmp_path)
    second.audience.greet(BERT, "", "bert's key")
    second.desk.resume()
    assert list(second.desk.places()) == ["b", "d", "c", "a"]
    second.ask(JobRequest("c"))  # whose it was asks again, and what began earlier is not held against it
    assert second.hands.given[-1].job_id == "b" and list(second.desk.places()) == ["b", "c", "d", "a"]


def test_the_queues_arrows_outlive_a_restart(room: Room, tmp_path: Path) -> None:
    for name in "abcd":
        room.ask(JobRequest(name))
    room.ask(Move("d", 0))  # of those that wait
    assert list(room.desk.places()) == ["a", "d", "b", "c"]
    room.desk.postpone()
    room.store.close()
    second = Room(tmp_path)
    second.desk.resume()
    # What was at work was not moved: it has its turn by its age.
    assert list(second.desk.places()) == ["d", "b", "c", "a"]


def test_a_worker_that_rests_is_woken_by_a_job(room: Room) -> None:
    room.ask(FreeMemory())
    assert room.hands.workers[0].state is State.ASLEEP
    room.ask(JobRequest("a"))
    assert [request.job_id for request in room.hands.given] == ["a"]
