# SPDX-License-Identifier: GPL-3.0-or-later
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from blender_addon.crowd.gather import GatherError, gather, requests_of, through
from blender_addon.crowd.rules import SpecError
from blender_addon.crowd.spec import spec_of
from blender_addon.crowd.store import Store
from blender_addon.protocol import Event, Failed, Finished, JobRequest, MeshReady, Progressed, Refused, TextureReady

ABLE = {"options": ["steps", "levels"], "sources": ["portrait", "seed"]}


def spec(**others):
    return spec_of({"count": 9, "seeds": [5, 6, 7], "layout": {"kind": "grid"}} | others)


class Maker:
    """Makes a triangle of anyone; seeds in `fails` fail so often with such a code."""

    def __init__(self, **fails: tuple[str, int]) -> None:
        self.asked: list[JobRequest] = []
        self.closed = 0
        self._fails = {int(seed.removeprefix("seed")): list(each) for seed, each in fails.items()}

    def __call__(self, request: JobRequest) -> Iterator[Event | None]:
        self.asked.append(request)
        try:
            yield None
            yield Progressed(request.job_id, "sculpting", 0.5)
            code, times = self._fails.get(request.seed, ("", 0))
            if times:
                self._fails[request.seed][1] -= 1
                yield Failed(request.job_id, code, "It broke.", "Mend it.")
                return
            corners = np.eye(3, dtype=np.float32)
            faces = np.array([[0, 1, 2]], np.int32)
            count = len(request.options["levels"])
            coarser = np.tile(faces, (count, 1))
            yield MeshReady(
                request.job_id, corners, faces, corners[:, :2].copy(), coarser, np.ones(count, dtype=np.int32)
            )
            yield TextureReady(request.job_id, 0, np.zeros((4, 4, 3), np.uint8), True)
            yield Finished(request.job_id, {"seed": request.seed})
        finally:
            self.closed += 1


def finish(steps):
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as done:
            return told, done.value


def test_everyone_is_made_once_and_found_the_next_time(tmp_path):
    make, store = Maker(), Store(tmp_path)
    told, people = finish(gather(spec(), store, make, ABLE))
    assert [each.recipe()["seed"] for each in people] == [5, 6, 7]
    fractions = [each.fraction for each in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert told[1].words == "person 1 of 3: waiting" and told[-1].words == "everyone is there"
    assert ("sculpting", 0.5) in {(each.stage, each.within) for each in told}
    assert len({each.job_id for each in make.asked}) == 3 == make.closed
    again = Maker()
    _, same = finish(gather(spec(seeds=[7, 5, 8]), store, again, ABLE))
    assert [each.seed for each in again.asked] == [8]
    assert [each.recipe()["seed"] for each in same] == [7, 5, 8]


def test_leaving_early_closes_the_job_and_keeps_what_is_done(tmp_path):
    make, store = Maker(), Store(tmp_path)
    steps = gather(spec(), store, make, ABLE)
    while next(steps).done < 1:
        pass
    next(steps)
    while next(steps).within == 0:
        pass
    steps.close()
    assert make.closed == 2
    second = Maker()
    finish(gather(spec(), store, second, ABLE))
    assert [each.seed for each in second.asked] == [6, 7]
    # The backend may still know the job that was under way: it has the same id.
    assert second.asked[0].job_id == make.asked[1].job_id


def test_an_accident_is_tried_again_under_another_id(tmp_path):
    make = Maker(seed6=("worker_died", 1))
    _, people = finish(gather(spec(), Store(tmp_path), make, ABLE))
    assert len(people) == 3 and [each.seed for each in make.asked] == [5, 6, 6, 7]
    assert make.asked[1].job_id != make.asked[2].job_id


@pytest.mark.parametrize(("code", "tries"), [("bad_portrait", 1), ("internal", 2)])
def test_who_cannot_be_made_is_named_and_the_others_are_kept(tmp_path, code, tries):
    make, store = Maker(seed6=(code, 9)), Store(tmp_path)
    with pytest.raises(GatherError, match=r"seeds\[1\] could not be made: It broke\.") as caught:
        finish(gather(spec(), store, make, ABLE))
    assert "Mend it. Everyone else is kept" in caught.value.hint
    assert [each.seed for each in make.asked] == [5, *[6] * tries, 7]
    mended = Maker()
    finish(gather(spec(seeds=[5, 7]), store, mended, ABLE))
    assert not mended.asked


def test_a_backend_that_is_gone_ends_it_at_once(tmp_path):
    make = Maker(seed6=("not_ready", 9))
    with pytest.raises(GatherError, match="It broke"):
        finish(gather(spec(), Store(tmp_path), make, ABLE))
    assert [each.seed for each in make.asked] == [5, 6]


def test_portraits_are_read_when_their_turn_comes(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff photo")
    portraits = spec_of(
        {
            "count": 2,
            "portraits": [str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")],
            "preset": "high",
            "layout": {"kind": "grid"},
        }
    )
    asked = requests_of(portraits, ABLE)
    name, request = next(asked)
    assert name == "portraits[0]" and request.portrait == b"\xff\xd8\xff photo" and request.preset == "high"
    assert request.options == {"levels": [60_000, 20_000, 5_000, 1_000, 250]}
    with pytest.raises(SpecError, match=r"portraits\[1\]: There is no image file at"):
        next(asked)


def test_another_level_is_another_job_of_the_same_person(tmp_path):
    make, store = Maker(), Store(tmp_path)
    _, people = finish(gather(spec(), store, make, ABLE))
    coarse = spec(lod={"faces": [5000, 90]})
    again = Maker()
    _, same = finish(gather(coarse, store, again, ABLE))
    assert again.asked[0].options["levels"] == [60_000, 20_000, 5_000, 1_000, 250, 90]
    assert {each.job_id for each in again.asked}.isdisjoint(each.job_id for each in make.asked)
    assert [each.key for each in same] == [each.key for each in people]


def test_sentences_wait_for_a_backend_that_knows_them():
    described = spec_of({"count": 2, "sentences": ["a man with a hat"], "layout": {"kind": "grid"}})
    with pytest.raises(SpecError, match="sentences cannot be used: this backend makes people from portraits and seeds"):
        next(requests_of(described, ABLE))
    _, request = next(requests_of(described, ABLE | {"sources": ["seed", "sentence"]}))
    assert request.options["sentence"] == "a man with a hat"


def test_an_older_backend_is_not_asked_for_levels():
    _, request = next(requests_of(spec(), {}))
    assert request.options == {} and request.priority is None
    _, request = next(requests_of(spec(), {"priorities": ["high", "normal", "low"]}))
    assert request.priority == "low"  # a crowd lets everyone else go first, and its people are the same


def test_memory_does_not_grow_with_the_number_of_people(tmp_path):
    def large(request: JobRequest) -> Iterator[Event | None]:
        vertices = np.zeros((10_000, 3), np.float32)
        faces = np.zeros((20_000, 3), np.int32)
        yield MeshReady(request.job_id, vertices, faces, vertices[:, :2].copy())
        yield TextureReady(request.job_id, 0, np.zeros((512, 512, 3), np.uint8), True)
        yield Finished(request.job_id, {})

    def peak(people: int) -> int:
        tracemalloc.start()
        try:
            finish(gather(spec(seeds=list(range(people))), Store(tmp_path / str(people)), large, {}))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)  # what is imported on the way
    assert peak(12) < 1.2 * peak(2)


class Wire:
    """As much of a client as `through` uses."""

    def __init__(self, *batches: list[Event]) -> None:
        self.state, self.problem, self.sent, self._batches = "ready", "", [], list(batches)

    def send(self, message: object) -> None:
        self.sent.append(type(message).__name__)

    def drain(self) -> list[Event]:
        return self._batches.pop(0) if self._batches else []

    def wait(self, seconds: float) -> list[Event]:
        return self.drain()


def test_a_refusal_is_a_failure_and_other_jobs_are_none_of_ours():
    wire = Wire([Progressed("b", "x", 0.1)], [Refused("queue_full", "Full.", "Wait.", "a")])
    events = [each for each in through(wire, 0)(JobRequest("a")) if each is not None]
    assert events == [Failed("a", "queue_full", "Full.", "Wait.")]
    assert wire.sent == ["JobRequest"]


def test_closing_cancels_what_is_under_way():
    wire = Wire([Progressed("a", "x", 0.1)])
    events = through(wire)(JobRequest("a"))
    next(events)
    events.close()
    assert wire.sent == ["JobRequest", "Cancel"]


def test_a_crowd_may_be_made_by_a_generator_or_style():
    told = {
        "synthesizers": ["rodin", "marble"],
        "synthesizer_inputs": {"rodin": ["seed"], "marble": ["portrait", "seed"]},
    }
    able = ABLE | told | {"sources": ["portrait", "seed", "sentence"]}
    requests = [request for _, request in requests_of(spec(generator="marble"), able)]
    assert all(request.options["synthesizer"] == "marble" for request in requests)
    plain = [request.job_id for _, request in requests_of(spec(), able)]
    assert not {request.job_id for request in requests} & set(plain)  # the same seeds, other people
    assert len(list(requests_of(spec(generator="marble"), ABLE))) == 3  # a backend that does not tell is asked
    with pytest.raises(SpecError, match="no generator called bronze"):
        list(requests_of(spec(generator="bronze"), able))
    with pytest.raises(SpecError, match="marble makes nobody from a sentence"):
        worded = {"count": 2, "sentences": ["an old man"], "layout": {"kind": "grid"}, "generator": "marble"}
        list(requests_of(spec_of(worded), able))
