# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.surface.mesh import Mesh, compact, smoothed

CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
QUADS = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
CUBE = Mesh(CORNERS, np.array([t for a, b, c, d in QUADS for t in ((a, b, c), (a, c, d))], np.int32))


def split(mesh: Mesh) -> Mesh:
    """Every face with corners of its own, as after cutting all edges."""
    return Mesh(mesh.vertices[mesh.faces].reshape(-1, 3), np.arange(mesh.faces.size, dtype=np.int32).reshape(-1, 3))


def test_a_unit_cube() -> None:
    assert np.isclose(CUBE.areas().sum(), 6)
    assert np.isclose(CUBE.volume(), 1)
    assert CUBE.is_closed() and CUBE.euler() == 2


def test_normals_do_not_depend_on_the_triangulation() -> None:
    expected = (CORNERS - 0.5) / np.linalg.norm(CORNERS - 0.5, axis=1, keepdims=True)
    assert np.allclose(CUBE.normals(), expected, atol=1e-6)


def test_seams_do_not_show_in_topology_or_normals() -> None:
    cut = split(CUBE)
    assert cut.is_closed() and cut.euler() == 2
    assert np.allclose(cut.normals(), CUBE.normals()[CUBE.faces.reshape(-1)], atol=1e-6)


def test_negative_zero_welds_with_zero() -> None:
    vertices = np.array([[0.0, 1, 2], [-0.0, 1, 2], [0, 1, 2.5]], np.float32)
    welded = Mesh(vertices, np.zeros((0, 3), np.int32)).welded()
    assert welded[0] == welded[1] != welded[2]


def test_a_hole_and_a_flipped_face_are_noticed() -> None:
    assert not Mesh(CUBE.vertices, CUBE.faces[1:]).is_closed()
    faces = CUBE.faces.copy()
    faces[0] = faces[0, ::-1]
    assert not Mesh(CUBE.vertices, faces).is_closed()


def test_compact_drops_unused_vertices() -> None:
    small = compact(CUBE.vertices, CUBE.faces[:2])
    assert len(small.vertices) == 4
    assert np.array_equal(small.vertices[small.faces], CUBE.vertices[CUBE.faces[:2]])


def test_smoothing_crosses_seams_and_stops_at_the_guide() -> None:
    cut = split(CUBE)
    values = (cut.vertices[:, :1] > 0.5).astype(np.float32)
    even = smoothed(cut, values, 50)
    assert np.allclose(even, 0.5, atol=0.02)
    kept = smoothed(cut, values, 5, guide=3 * values)
    assert np.allclose(kept, values, atol=0.01)
    assert np.array_equal(smoothed(cut, values, 0), values)
