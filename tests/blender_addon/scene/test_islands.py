# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from blender_addon.scene.islands import barycentric, islands


def grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the corners of side x side quads, and where the vertices lie."""
    across, along = np.meshgrid(np.arange(side + 1), np.arange(side + 1))
    places = np.stack([across, along], -1).reshape(-1, 2) / side
    low = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).reshape(-1)
    return (low[:, None] + np.array([0, 1, side + 2, side + 1])).reshape(-1), places


def test_faces_hang_together_where_corners_share_their_place() -> None:
    corners, places = grid(12)
    starts = np.arange(0, len(corners), 4)
    assert (islands(corners, places[corners], starts) == 0).all()
    uv = places[corners].copy()
    right = np.repeat(np.arange(len(starts)) % 12 >= 5, 4)
    uv[right, 0] += 0.25
    found = islands(corners, uv, starts)
    assert found.max() == 1 and np.array_equal(
        found, right[::4].astype(int) if right[0] == found[0] else 1 - right[::4]
    )


def test_charts_that_touch_in_the_texture_alone_stay_apart() -> None:
    """Two quads of other vertices at the same texture places are two charts."""
    corners = np.array([0, 1, 2, 3, 4, 5, 6, 7])
    uv = np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), (2, 1))
    assert islands(corners, uv, np.array([0, 4])).tolist() == [0, 1]


def test_weights_give_the_point_back() -> None:
    random = np.random.default_rng(0)
    triangles = random.normal(size=(50, 3, 3))
    weights = random.dirichlet(np.ones(3), 50)
    points = (weights[..., None] * triangles).sum(1)
    assert np.allclose(barycentric(points, triangles), weights, atol=1e-6)
    assert (barycentric(random.normal(size=(50, 3)), triangles) >= 0).all()
