# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blender_addon.crowd.store import Store, StoreError, key_of
from blender_addon.protocol import JobRequest, MeshReady, TextureReady

FACES = np.array([[0, 1, 2], [2, 3, 0]], np.int32)
SHAPE = MeshReady(
    "a", np.eye(4, 3, dtype=np.float32), FACES, np.eye(4, 2, dtype=np.float32), FACES[:1], np.array([1, 0], np.int32)
)
ALBEDO = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
TEXTURE = TextureReady("a", 1, ALBEDO, True)


def test_a_person_goes_there_and_back(tmp_path):
    store = Store(tmp_path / "people")
    assert store.find("one") is None
    person = store.add("one", SHAPE, TEXTURE, {"seed": 3, "notes": ["é"]})
    assert store.find("one") == person and person.key == "one"
    shape = person.shape()
    np.testing.assert_array_equal(shape.vertices, SHAPE.vertices)
    np.testing.assert_array_equal(shape.uv, SHAPE.uv)
    assert [each.tolist() for each in shape.levels] == [FACES.tolist(), FACES[:1].tolist(), []]
    np.testing.assert_array_equal(np.asarray(Image.open(person.albedo)), ALBEDO)
    assert person.recipe() == {"seed": 3, "notes": ["é"]}
    assert shape.budgets == () and shape.level(7) is shape.levels[0]
    assert [each.name for each in store.folder.iterdir()] == ["one"]


def test_the_finer_maps_are_kept_where_there_are_such(tmp_path):
    plain = Store(tmp_path).add("plain", SHAPE, TEXTURE, {})
    assert plain.maps() == {}
    finest = TextureReady("a", 1, ALBEDO, True, ALBEDO[::-1], ALBEDO[..., 0], ALBEDO[..., 1])
    maps = Store(tmp_path).add("fine", SHAPE, finest, {}).maps()
    assert list(maps) == ["normal", "surface"]
    np.testing.assert_array_equal(np.asarray(Image.open(maps["normal"])), ALBEDO[::-1])
    surface = np.asarray(Image.open(maps["surface"]))
    np.testing.assert_array_equal(surface[..., :2], ALBEDO[..., :2])  # red: occlusion, green: roughness
    assert not surface[..., 2].any()


def test_levels_are_found_by_what_was_asked_for(tmp_path):
    store = Store(tmp_path)
    store.add("one", SHAPE, TEXTURE, {}, (500, 60))
    shape = store.find("one", [60]).shape()
    assert shape.level(500).tolist() == FACES[:1].tolist() and shape.level(60).tolist() == []
    assert shape.level(8) is shape.levels[0]
    assert store.find("one", [60, 8]) is None
    # Who lacks a level is made again, and replaced.
    again = store.add("one", SHAPE, TEXTURE, {"seed": 2}, (60, 8))
    assert again.recipe() == {"seed": 2} and store.find("one", [60, 8]) == again
    assert sorted(each.name for each in again.folder.iterdir()) == ["albedo.png", "recipe.json", "shape.npz"]
    assert [each.name for each in tmp_path.iterdir()] == ["one"]


def test_half_a_person_is_nobody(tmp_path, monkeypatch):
    store = Store(tmp_path)
    with pytest.raises(TypeError):
        store.add("one", SHAPE, TEXTURE, {"seed": object()})  # fails after the mesh was written
    assert store.find("one") is None and not list(tmp_path.iterdir())


def test_damage_and_a_folder_that_cannot_be_are_sentences(tmp_path):
    person = Store(tmp_path).add("one", SHAPE, TEXTURE, {})
    file = person.folder / "shape.npz"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(StoreError, match="is damaged"):
        person.shape()
    assert Store(tmp_path).find("one") is None
    (person.folder / "recipe.json").write_text("{")
    assert person.recipe() == {}
    Path(tmp_path, "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        Store(tmp_path / "file").add("one", SHAPE, TEXTURE, {})


def test_the_key_is_what_was_asked_for():
    request = JobRequest("a", seed=3, options={"levels": [500], "steps": 2})
    assert key_of(request) == key_of(replace(request, job_id="b", options={"steps": 2, "levels": [9]}))
    others = [
        replace(request, seed=4),
        replace(request, preset="draft"),
        replace(request, options={"steps": 3}),
        replace(request, portrait=b"1"),
        replace(request, portrait=b"2"),
    ]
    assert len({key_of(each) for each in [request, *others]}) == 6
