# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.surface.clean import largest_piece
from backend.surface.manifold import separate, without_flaps
from backend.surface.mesh import Mesh


def box(low: tuple[float, float, float]) -> Mesh:
    """A unit cube."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32) + np.float32(low)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return Mesh(corners, np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int32))


def welded(mesh: Mesh) -> Mesh:
    numbers = mesh.welded()
    vertices = np.zeros((numbers.max() + 1, 3), np.float32)
    vertices[numbers] = mesh.vertices
    return Mesh(vertices, numbers[mesh.faces])


def test_boxes_that_touch_at_an_edge_or_a_corner_are_separated() -> None:
    for place in ((1, 1, 0), (1, 1, 1)):
        touching = welded(pair(box((0, 0, 0)), box(place)))
        apart = separate(touching)
        assert apart.is_closed() and apart.euler() == 4
        assert np.isclose(apart.volume(), 2, atol=1e-3)
        assert len(largest_piece(apart).faces) == 12


def test_a_manifold_stays_as_it_is() -> None:
    cube = box((0, 0, 0))
    same = separate(cube)
    assert same.is_closed() and np.isclose(same.volume(), 1)
    assert np.array_equal(np.sort(same.vertices, 0), np.sort(cube.vertices, 0))


def test_an_edge_that_two_parts_share_at_both_ends_is_doubled() -> None:
    """Four boxes in a ring around an empty middle, of which two opposite ones touch along one edge only."""
    cells = [(0, 0, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1)]
    apart = separate(union(cells))
    assert apart.is_closed()
    assert np.isclose(apart.volume(), len(cells), atol=1e-2)


def test_faces_back_to_back_cancel() -> None:
    faces = np.array([[0, 1, 2], [2, 1, 0], [0, 1, 3], [1, 3, 0], [3, 1, 0], [4, 4, 5]])
    assert np.array_equal(np.sort(without_flaps(faces), 1), [[0, 1, 3]])


def pair(first: Mesh, second: Mesh) -> Mesh:
    faces = np.concatenate([first.faces, second.faces + len(first.vertices)])
    return Mesh(np.concatenate([first.vertices, second.vertices]), faces.astype(np.int32))


def union(cells: list[tuple[int, int, int]]) -> Mesh:
    """The surface of unit cells: walls between two of them are left out."""
    vertices, quads = [], []
    for cell in cells:
        for axis in range(3):
            for side in (0, 1):
                beyond = list(cell)
                beyond[axis] += 2 * side - 1
                if tuple(beyond) in cells:
                    continue
                one, two = (axis + 1) % 3, (axis + 2) % 3
                square = []
                for u, v in ((0, 0), (1, 0), (1, 1), (0, 1)) if side else ((0, 0), (0, 1), (1, 1), (1, 0)):
                    corner = list(cell)
                    corner[axis] += side
                    corner[one] += u
                    corner[two] += v
                    square.append(corner)
                quads.append(range(len(vertices), len(vertices) + 4))
                vertices += square
    faces = [(q[0], q[a], q[a + 1]) for q in quads for a in (1, 2)]
    return welded(Mesh(np.array(vertices, np.float32), np.array(faces, np.int32)))
