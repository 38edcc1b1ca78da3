# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import numpy as np
import pytest

from backend.studio.assets import Pack
from backend.studio.parameters import PersonParameters, sample_parameters
from backend.studio.people import CHIN_LEVEL, HEAD_HEIGHT, Person, build_person


@pytest.fixture
def plain(pack: Pack) -> PersonParameters:
    return replace(sample_parameters(0, pack), glasses=None, hat=None, beard=None, expression="neutral", male=True)


def part(person: Person, name: str) -> np.ndarray:
    return next(part for part in person.parts if part.name == name)


def test_head_fills_its_place_in_the_box(pack: Pack, plain: PersonParameters) -> None:
    body = part(build_person(plain, pack), "body")
    visible = body.vertices[np.unique(body.triangles)]
    assert abs(visible[:, 1].max() - (CHIN_LEVEL + HEAD_HEIGHT)) < 0.15
    assert visible[:, 1].min() < -1  # the bust is cut by the box, not by the mesh


def test_accessories_appear_as_told(pack: Pack, plain: PersonParameters) -> None:
    dressed = build_person(replace(plain, glasses="round", hat="fedora", beard="full"), pack)
    names = {piece.name for piece in dressed.parts}
    assert {"body", "eyes", "teeth", "tongue", "brows", "lashes", "top", "hair", "glasses", "hat"} <= names
    frame = part(dressed, "glasses")
    assert frame.vertices[:, 0].min() < dressed.right_eye[0] and frame.vertices[:, 0].max() > dressed.left_eye[0]
    assert not np.array_equal(part(dressed, "body").texture, part(build_person(plain, pack), "body").texture)


def test_sliders_move_the_face_they_name(pack: Pack, plain: PersonParameters) -> None:
    wide = build_person(replace(plain, sliders={"nose-scale-horiz:decr": 0.8}), pack)
    narrow = build_person(replace(plain, sliders={"nose-scale-horiz:decr": -0.8}), pack)
    moved = part(wide, "body").vertices - part(narrow, "body").vertices
    assert moved[:, 0].max() > 0.05 and np.abs(moved[:, 1]).max() < 1e-5


def test_building_is_deterministic(pack: Pack, plain: PersonParameters) -> None:
    for first, second in zip(build_person(plain, pack).parts, build_person(plain, pack).parts, strict=True):
        assert np.array_equal(first.vertices, second.vertices) and np.array_equal(first.texture, second.texture)
