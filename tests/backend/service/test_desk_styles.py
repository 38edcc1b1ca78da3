# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest

from backend.service.desk import LEAST_TURN
from blender_addon.protocol import (
    Accepted,
    Cancel,
    Failed,
    Finished,
    Follow,
    JobRequest,
    MeshReady,
    Progressed,
)
from tests.backend.service.desk_room import BERT, MESH, Room

STYLE = JobRequest("style", "adapt", options={"sentence": "a marble statue"})
STOPPED = Failed("style", "cancelled", "The job was cancelled.")


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.fixture
def learning(room: Room, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Room:
    """A style is being learned; Anna has just been told."""
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path / "models"))
    room.ask(STYLE)
    room.work(Progressed("style", "learning the style", 0.2))
    room.ears()
    return room


def test_a_style_steps_aside_for_an_avatar_and_goes_on_afterwards(learning: Room) -> None:
    learning.now = LEAST_TURN / 3
    learning.ask(JobRequest("avatar"))
    assert learning.hands.cancelled == []  # it has just begun
    learning.now = LEAST_TURN
    learning.desk.dispatch()
    learning.desk.dispatch()
    assert learning.hands.cancelled == ["style"]  # and is not asked twice
    learning.ears()
    learning.work(STOPPED)
    assert learning.hands.given[-1].job_id == "avatar"
    assert learning.ears() == [Accepted("avatar", 0), Accepted("style", 1)]  # nobody hears that it failed
    assert learning.store.unfinished()[0].attempts == 0
    learning.ask(Follow("style"), BERT)
    assert learning.ears(BERT) == [Accepted("style", 1)]
    learning.work(Finished("avatar", {}))
    assert learning.hands.given[-1].job_id == "style" and Accepted("style", 0) in learning.ears()
    learning.work(Finished("style", {}))
    assert learning.ears() == [Finished("style", {})]


def test_a_style_that_its_user_stops_while_it_steps_aside_is_stopped(learning: Room) -> None:
    learning.now = LEAST_TURN
    learning.ask(JobRequest("avatar"))
    learning.ask(Cancel("style"))
    learning.work(STOPPED)
    assert STOPPED in learning.ears() and learning.hands.given[-1].job_id == "avatar"


def test_a_style_makes_way_for_nothing_that_takes_as_long_or_has_time(learning: Room) -> None:
    learning.now = 2 * LEAST_TURN
    learning.ask(JobRequest("other", "adapt", options={"sentence": "an alien"}))
    learning.ask(JobRequest("crowd", priority="low"), BERT)
    assert learning.hands.cancelled == []


def test_a_style_whose_head_is_being_made_is_let_be(learning: Room) -> None:
    learning.now = LEAST_TURN
    learning.work(MeshReady("style", MESH.vertices, MESH.faces, MESH.uv))
    learning.ask(JobRequest("avatar"))
    assert learning.hands.cancelled == []


def test_an_avatar_is_never_interrupted(room: Room) -> None:
    room.ask(JobRequest("avatar"))
    room.now = 10 * LEAST_TURN
    room.ask(JobRequest("next"), BERT)
    assert room.hands.cancelled == []
