# SPDX-License-Identifier: GPL-3.0-or-later
import itertools

import numpy as np
import pytest

from backend.surface.cubes import CORNERS, EDGES, table

TRIANGLES, COUNTS = table()


def sides(kind: int) -> list[tuple[int, int]]:
    """Directed edges of the triangles of a kind that no other triangle of it runs back along: its rim."""
    directed = set()
    for triangle in TRIANGLES[kind, : COUNTS[kind]].tolist():
        directed |= {(triangle[at], triangle[(at + 1) % 3]) for at in range(3)}
    return [(one, two) for one, two in directed if (two, one) not in directed]


def ends(edge: int) -> tuple[int, int]:
    axis, low = EDGES[edge]
    high = tuple(value + (at == axis) for at, value in enumerate(low))
    return CORNERS.index(low), CORNERS.index(high)


def middle(edge: int) -> np.ndarray:
    return np.mean([CORNERS[end] for end in ends(edge)], axis=0)


def on_face(edge: int, axis: int, side: int) -> bool:
    return bool(middle(edge)[axis] == side)


def share_a_face(one: int, two: int) -> bool:
    return any(on_face(one, axis, side) and on_face(two, axis, side) for axis in range(3) for side in (0, 1))


def test_triangles_lie_on_the_edges_whose_ends_differ() -> None:
    for kind in range(256):
        crossed = {edge for edge in range(12) if len({kind >> end & 1 for end in ends(edge)}) == 2}
        assert set(TRIANGLES[kind, : COUNTS[kind]].reshape(-1).tolist()) == crossed
    assert COUNTS.sum() == 820 and COUNTS.max() == 5, "as in the published tables"


@pytest.mark.parametrize("axis", range(3))
def test_neighbours_agree_on_the_face_between_them(axis: int) -> None:
    """Whatever lies beyond, a face shows the same lines from both sides, the other way round."""
    shown: dict[tuple[int, ...], set] = {}
    for kind, side in itertools.product(range(256), (0, 1)):
        corners = [at for at, corner in enumerate(CORNERS) if corner[axis] == side]
        state = tuple(kind >> corner & 1 for corner in corners)
        lines = {
            tuple(tuple(np.delete(middle(edge), axis)) for edge in (line if side else line[::-1]))
            for line in sides(kind)
            if all(on_face(edge, axis, side) for edge in line)
        }
        assert shown.setdefault(state, lines) == lines


def test_the_rim_of_a_cell_lies_in_its_faces_and_nothing_else_does() -> None:
    """No inner edge lies in a face: there it could meet one of the next cell's."""
    for kind in range(256):
        rim = sides(kind)
        for one, two in rim:
            assert share_a_face(one, two)
        inner = {
            frozenset(triangle[[at, (at + 1) % 3]].tolist())
            for triangle in TRIANGLES[kind, : COUNTS[kind]]
            for at in range(3)
        } - {frozenset(line) for line in rim}
        for one, two in map(tuple, inner):
            assert not any(
                on_face(one, axis, side) and on_face(two, axis, side) for axis in range(3) for side in (0, 1)
            )


def test_triangles_face_away_from_the_inside() -> None:
    for corner in range(8):
        a, b, c = (middle(edge) for edge in TRIANGLES[1 << corner, 0])
        assert np.cross(b - a, c - a) @ (a - np.array(CORNERS[corner])) > 0
