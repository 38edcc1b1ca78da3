# SPDX-License-Identifier: GPL-3.0-or-later
from functools import reduce as fold

import numpy as np

from blender_addon.jobs import JobState, Phase, cancelling, coalesce, reduce
from blender_addon.protocol import (
    Accepted,
    Event,
    Failed,
    Finished,
    MeshReady,
    Pong,
    Progressed,
    Refused,
    TextureReady,
    Welcome,
)

PICTURE = np.zeros((2, 2, 3), np.uint8)
MESH = MeshReady("a", np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), np.zeros((3, 2), np.float32))


def after(*events: Event, start: JobState | None = None) -> JobState:
    return fold(reduce, events, start or JobState("a"))


def texture(level: int, job_id: str = "a") -> TextureReady:
    return TextureReady(job_id, level, PICTURE)


def test_a_whole_life() -> None:
    assert after().phase is Phase.SENT
    assert after(Accepted("a", 2)).phase is Phase.QUEUED and after(Accepted("a", 2)).position == 2
    running = after(Accepted("a", 2), Accepted("a", 0), Progressed("a", "sampling", 0.3, 7.0, PICTURE))
    assert running.phase is Phase.RUNNING
    assert (running.stage, running.fraction, running.remaining_seconds) == ("sampling", 0.3, 7.0)
    assert running.preview is PICTURE
    further = after(Progressed("a", "baking", 0.8), MESH, texture(0), texture(1), start=running)
    assert further.has_mesh and further.level == 1 and further.preview is PICTURE
    done = after(Finished("a", {"seed": 1}), start=further)
    assert done.phase is Phase.DONE and done.phase.over and done.fraction == 1 and done.recipe == {"seed": 1}
    assert done.preview is None


def test_failure_carries_sentence_and_hint() -> None:
    for event in (
        Failed("a", "bad_portrait", "No face.", "Try another."),
        Refused("bad", "No face.", "Try another.", "a"),
    ):
        failed = after(event)
        assert failed.phase is Phase.FAILED and (failed.message, failed.hint) == ("No face.", "Try another.")


def test_cancelling_lasts_until_the_answer() -> None:
    state = cancelling(after(Progressed("a", "s", 0.5)))
    assert after(Progressed("a", "s", 0.6), Accepted("a", 0), start=state).phase is Phase.CANCELLING
    assert after(Failed("a", "cancelled", "Stopped."), start=state).phase is Phase.CANCELLED
    assert after(Finished("a", {}), start=state).phase is Phase.DONE
    done = after(Finished("a", {}))
    assert cancelling(done) is done


def test_others_and_the_past_change_nothing() -> None:
    state = JobState("a")
    for event in (Accepted("b", 1), Welcome("", "", {}, {}), Pong(), Refused("bad_message", "What?")):
        assert reduce(state, event) is state
    done = after(Finished("a", {}))
    assert reduce(done, Progressed("a", "late", 0.2)) is done


def test_coalesce_keeps_the_latest_of_each_job_in_order() -> None:
    events: list[Event] = [
        Progressed("a", "s", 0.1, None, PICTURE),
        Progressed("b", "s", 0.1),
        Pong(),
        Progressed("a", "s", 0.2),
        MESH,
        texture(0),
        Progressed("a", "s", 0.3),
        texture(1),
        texture(0, "b"),
        Finished("a", {}),
    ]
    kept = coalesce(events)
    assert [type(each).__name__ for each in kept] == [
        "Progressed",
        "MeshReady",
        "Progressed",
        "TextureReady",
        "TextureReady",
        "Finished",
    ]
    latest = kept[2]
    assert isinstance(latest, Progressed) and latest.fraction == 0.3 and latest.preview is PICTURE
    assert isinstance(kept[3], TextureReady) and kept[3].level == 1


def test_coalescing_changes_no_outcome() -> None:
    events: list[Event] = [
        Accepted("a", 0),
        *[Progressed("a", "s", n / 10, 10.0 - n, PICTURE if n == 3 else None) for n in range(8)],
        MESH,
        texture(0),
        texture(1),
    ]
    whole, short = after(*events), after(*coalesce(events))
    names = ("phase", "stage", "fraction", "remaining_seconds", "has_mesh", "level")
    assert [getattr(whole, name) for name in names] == [getattr(short, name) for name in names]
    assert whole.preview is short.preview is PICTURE
