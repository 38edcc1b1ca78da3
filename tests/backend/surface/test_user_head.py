# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import numpy as np
import pytest

from backend.surface.user_head import MOST_FACES, NOT_FINITE_UV, HeadError, UserHead, checked


@pytest.fixture
def tetrahedron() -> UserHead:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    return UserHead(vertices=vertices, faces=faces, uv=vertices[:, :2].copy())


def test_what_is_sound_passes_as_it_is(tetrahedron: UserHead) -> None:
    weighted = replace(tetrahedron, weight=np.array([2, 0.5, -1, np.nan], np.float32))
    head, notes = checked(weighted)
    assert notes == () and head.vertices is tetrahedron.vertices
    assert head.weight is not None and head.weight.tolist() == [1, 0.5, 0, 0]


def test_few_vertices_without_a_place_cost_their_faces(tetrahedron: UserHead) -> None:
    many = np.tile(tetrahedron.faces, (20, 1))
    vertices = np.concatenate([tetrahedron.vertices, np.full((1, 3), np.nan, np.float32)])
    faces = np.concatenate([many, [[0, 1, 4]]]).astype(np.int32)
    head, notes = checked(UserHead(vertices=vertices, faces=faces))
    assert np.isfinite(head.vertices).all() and head.faces[-1].tolist() == [0, 0, 0]
    assert np.array_equal(head.faces[:-1], many) and "1 triangles have no finite place" in notes[0]


def test_coordinates_that_are_not_finite_are_made_anew(tetrahedron: UserHead) -> None:
    uv = np.array([[0, 0], [np.inf, 0], [0, 1], [1, 1]], np.float32)
    head, notes = checked(replace(tetrahedron, uv=uv))
    assert head.uv is None and notes == (NOT_FINITE_UV,)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"faces": np.zeros((0, 3), np.int32)}, "no faces"),
        ({"faces": np.broadcast_to(np.int32(0), (MOST_FACES + 1, 3))}, "2,000,000 are the limit"),
        ({"faces": np.array([[0, 1, 9]], np.int32)}, "vertices that are not there"),
        ({"vertices": np.full((4, 3), np.nan, np.float32)}, "4 of 4 vertices have no finite place"),
        ({"vertices": np.ones((4, 3), np.float32)}, "one point"),
        ({"vertices": np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], np.float32)}, "flat as a sheet"),
        ({"uv": np.zeros((3, 2), np.float32)}, "uv must have one row for each of 4 vertices, got 3"),
        ({"weight": np.zeros(4, np.float32)}, "no face of the mesh is in the vertex group"),
        ({"mask": np.zeros((4, 4), np.uint8)}, "black everywhere"),
        ({"mask": np.ones((4, 4), np.uint8), "uv": None}, "needs the texture coordinates"),
        ({"image": np.zeros((0, 4, 3), np.uint8)}, "has no pixels"),
        ({"polygons": np.zeros(2, np.int32)}, "polygons must have one number for each of 4"),
    ],
)
def test_what_cannot_be_worked_with_is_refused_in_a_sentence(tetrahedron: UserHead, changes, sentence: str) -> None:
    with pytest.raises(HeadError, match=sentence) as refused:
        checked(replace(tetrahedron, **changes))
    assert refused.value.hint
