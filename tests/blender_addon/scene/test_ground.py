# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from blender_addon.scene.ground import Ground, stand


def hills(height, cells: int = 30, side: float = 6.0) -> np.ndarray:
    """Triangles of z = height(x, y) over a square around the origin."""
    line = np.linspace(-side / 2, side / 2, cells + 1)
    x, y = np.meshgrid(line, line)
    nodes = np.stack([x, y, height(x, y)], axis=-1)
    a, b, c, d = nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1]
    halves = [np.stack(each, axis=2).reshape(-1, 3, 3) for each in ((a, b, c), (a, c, d))]
    return np.concatenate(halves)


def test_a_slope_has_the_height_of_its_plane():
    ground = Ground(hills(lambda x, y: 0.3 * x - 0.2 * y + 1))
    places = np.random.default_rng(0).uniform(-3, 3, (500, 2))
    np.testing.assert_allclose(ground.heights(places), 0.3 * places[:, 0] - 0.2 * places[:, 1] + 1, atol=1e-9)


def test_corners_and_borders_belong_to_the_ground_and_the_outside_does_not():
    ground = Ground(hills(lambda x, y: 0 * x))
    inside = np.array([[-3, -3], [3, 3], [3, -3], [0, 3], [0.2, 0.2]], dtype=float)
    assert ground.heights(inside) == pytest.approx(np.zeros(5))
    assert np.isnan(ground.heights(np.array([[3.01, 0], [0, -3.01], [100, 100]]))).all()


def test_of_two_floors_the_highest_or_the_nearest():
    two = np.concatenate([hills(lambda x, y: 0 * x), hills(lambda x, y: 0 * x + 2)])
    ground, places = Ground(two), np.zeros((2, 2)) + 0.123
    assert ground.heights(places) == pytest.approx([2, 2])
    assert ground.heights(places, np.array([0.4, 1.9])) == pytest.approx([0, 2])


def test_a_wall_has_no_height():
    wall = np.array([[[0, 0, 0], [1, 0, 0], [1, 0, 1]]], dtype=float)
    assert np.isnan(Ground(wall).heights(np.array([[0.5, 0.0]]))).all()


def test_no_rim_floats_over_a_slope():
    ground = Ground(hills(lambda x, y: 0.5 * x))
    places = np.array([[0, 0, 0], [1, -1, 0.5]], dtype=float)
    put = stand(ground, places, np.array([0.2, 0.1]))
    np.testing.assert_allclose(put[:, 2], [-0.1, 0.45], atol=1e-9)
    np.testing.assert_array_equal(put[:, :2], places[:, :2])
    assert np.isnan(stand(ground, np.array([[9.0, 0, 0]]), np.array([0.2]))[0, 2])
