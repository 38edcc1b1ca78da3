# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.studio.subdivision import catmull_clark, subdivide_corners

CUBE = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
QUADS = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])


def test_cube_becomes_rounder_and_stays_closed() -> None:
    matrix, quads = catmull_clark(QUADS, 8)
    vertices = matrix @ CUBE
    assert vertices.shape == (8 + 12 + 6, 3) and quads.shape == (24, 4)
    np.testing.assert_allclose(np.linalg.norm(vertices[:8], axis=1), np.sqrt(3) * 5 / 9, rtol=1e-5)
    edges = np.sort(np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2), 1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_flat_grid_keeps_its_border() -> None:
    grid = np.array([[x, y, 0.0] for y in range(3) for x in range(3)])
    quads = np.array([[0, 1, 4, 3], [1, 2, 5, 4], [3, 4, 7, 6], [4, 5, 8, 7]])
    vertices = catmull_clark(quads, 9)[0] @ grid
    np.testing.assert_allclose(vertices[4], [1, 1, 0], atol=1e-6)
    assert vertices[:, :2].min() >= 0 and vertices[:, :2].max() <= 2


def test_corner_values_follow_the_children() -> None:
    _, quads = catmull_clark(QUADS, 8)
    corners = subdivide_corners(CUBE[QUADS])
    centres = corners[:, 2]
    np.testing.assert_allclose(centres, np.repeat(CUBE[QUADS].mean(1), 4, 0))
    assert corners.shape == (24, 4, 3) and len(quads) == 24
