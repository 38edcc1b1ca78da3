# SPDX-License-Identifier: GPL-3.0-or-later
import hashlib

import numpy as np
import pytest

from blender_addon.fetching import Fetching
from blender_addon.protocol import (
    Chunk,
    Event,
    Failed,
    Fetch,
    Finished,
    MeshReady,
    Progressed,
    Refused,
    Stored,
    TextureReady,
    encode,
    pack,
)

MESH = MeshReady("a", np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), np.zeros((3, 2), np.float32))
STEP = 64


def texture(level: int) -> TextureReady:
    return TextureReady("a", level, np.full((8, 8, 3), level, np.uint8), level == 2)


class Shelf:
    """A backend's end: what it stores, by digest."""

    def __init__(self, fetching: Fetching) -> None:
        self.fetching, self.runs = fetching, dict[str, bytes]()
        self.heard: list[Event] = []
        self.sent: list[Fetch] = []

    def store(self, event: MeshReady | TextureReady) -> Stored:
        run = b"".join(bytes(part) for part in pack(encode(event)))
        digest = hashlib.sha256(run).hexdigest()
        self.runs[digest] = run
        return Stored(event.job_id, type(event).__name__, digest, len(run))

    def tell(self, *events: Event) -> None:
        for event in events:
            self.heard += self.fetching.take(event)

    def answer(self, count: int = 1000, damage: bytes = b"") -> None:
        """Answers so many requests, those that come of the answers too."""
        while self.fetching.requests and count:
            count -= 1
            fetch = self.fetching.requests.popleft()
            assert isinstance(fetch, Fetch)
            self.sent.append(fetch)
            content = self.runs[fetch.digest][fetch.offset : fetch.offset + STEP]
            content = damage + content[len(damage) :] if fetch.offset == 0 else content
            self.tell(Chunk(fetch.job_id, fetch.digest, fetch.offset, content))

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.heard]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(Fetching(STEP, ahead=3))


def test_results_come_whole_and_in_order_while_progress_passes(shelf: Shelf) -> None:
    shelf.tell(shelf.store(MESH), Progressed("a", "x", 0.5), shelf.store(texture(2)), Finished("a", {}))
    assert shelf.kinds() == ["Progressed"]
    shelf.answer()
    assert shelf.kinds() == ["Progressed", "MeshReady", "TextureReady", "Finished"]
    assert np.array_equal(shelf.heard[1].vertices, MESH.vertices)  # type: ignore[union-attr]
    assert not shelf.fetching._parts and not shelf.fetching._held


def test_no_more_is_asked_for_than_there_is_credit(shelf: Shelf) -> None:
    shelf.tell(shelf.store(MESH))
    for _ in range(4):
        assert len(shelf.fetching.requests) == 3
        shelf.answer(1)
    offsets = [fetch.offset for fetch in shelf.sent]
    assert offsets == [0, 64, 128, 192]


def test_after_a_break_it_goes_on_where_it_was(shelf: Shelf) -> None:
    mesh = shelf.store(MESH)
    shelf.tell(mesh)
    shelf.answer(2)
    shelf.fetching.begin({"chunk_bytes": STEP, "chunk_ahead": 2})  # a new connection: all is named again
    shelf.tell(Progressed("a", "x", 0.5), mesh, Finished("a", {}))
    assert [fetch.offset for fetch in shelf.fetching.requests] == [128, 192]  # type: ignore[union-attr]
    shelf.answer()
    assert shelf.kinds()[-2:] == ["MeshReady", "Finished"]
    assert len({fetch.offset for fetch in shelf.sent}) == len(shelf.sent)


def test_a_newer_texture_takes_the_place_of_one_that_is_not_there_yet(shelf: Shelf) -> None:
    shelf.tell(shelf.store(MESH), shelf.store(texture(0)), shelf.store(texture(2)), Finished("a", {}))
    shelf.answer()
    assert shelf.kinds() == ["MeshReady", "TextureReady", "Finished"]
    assert shelf.heard[1].level == 2  # type: ignore[union-attr]


def test_what_is_replaced_there_does_not_hold_up_the_rest(shelf: Shelf) -> None:
    shelf.tell(shelf.store(MESH))
    shelf.answer()
    shelf.tell(shelf.store(texture(0)))
    shelf.fetching.requests.clear()
    shelf.tell(Refused("not_stored", "Gone.", job_id="a"), shelf.store(texture(2)), Finished("a", {}))
    shelf.answer()
    assert shelf.kinds() == ["MeshReady", "TextureReady", "Finished"]


def test_damage_is_fetched_again_once_and_then_said(shelf: Shelf) -> None:
    shelf.tell(shelf.store(MESH))
    shelf.answer(damage=b"?")
    (failed,) = shelf.heard
    assert isinstance(failed, Failed) and "damaged on its way" in failed.message
    assert sum(fetch.offset == 0 for fetch in shelf.sent) == 2
    shelf.heard.clear()
    shelf.tell(shelf.store(MESH), Finished("a", {}))
    shelf.answer(1, damage=b"?")
    shelf.answer(100)
    shelf.answer()
    assert shelf.kinds() == ["MeshReady", "Finished"]


def test_pieces_that_nobody_asked_for_and_other_jobs_change_nothing(shelf: Shelf) -> None:
    mesh = shelf.store(MESH)
    shelf.tell(mesh, Chunk("a", "0" * 64, 0, b"x"), Chunk("a", mesh.digest, 640, b"x"), Finished("b", {}))
    assert shelf.kinds() == ["Finished"]
    shelf.answer()
    shelf.tell(Chunk("a", mesh.digest, 0, b"late"), mesh)
    shelf.answer()
    assert shelf.kinds() == ["Finished", "MeshReady", "MeshReady"]


def test_a_result_of_another_job_under_this_name_is_told(shelf: Shelf) -> None:
    stored = shelf.store(MESH)
    shelf.tell(Stored("b", "MeshReady", stored.digest, stored.size))
    shelf.answer()
    (failed,) = shelf.heard
    assert isinstance(failed, Failed) and failed.job_id == "b" and "no result of this job" in failed.message
