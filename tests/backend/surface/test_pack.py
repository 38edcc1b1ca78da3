# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
from scipy.spatial import cKDTree

from backend.surface.pack import GAP, pack


def strips(sizes: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rectangles of 16 x 16 squares each, all about the origin."""
    side = 17
    u, v = (axis.reshape(-1) for axis in np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side), indexing="ij"))
    number = np.arange(side * side).reshape(side, side)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    faces = np.stack([a, b, c, a, c, d], -1).reshape(-1, 3)
    flat = np.concatenate([width * u + 1j * height * v for width, height in sizes])
    count = len(sizes)
    chart = np.repeat(np.arange(count), side * side)
    return flat, np.concatenate([faces + at * side * side for at in range(count)]).astype(np.int32), chart


def test_charts_keep_their_shape_and_their_distance() -> None:
    sizes = [(1.0, 1.0), (2.0, 0.3), (0.4, 0.9), (0.2, 0.2), (0.7, 0.7)]
    flat, faces, chart = strips(sizes)
    uv = pack(flat, faces, chart, 0)
    place = uv.astype(np.float64) @ np.array([1, 1j])
    scales = []
    for one in range(len(sizes)):
        shape, laid = flat[chart == one], place[chart == one]
        factor = (laid[-1] - laid[0]) / (shape[-1] - shape[0])
        assert np.abs(laid - laid[0] - factor * (shape - shape[0])).max() < 1e-5, "turned and scaled, never mirrored"
        scales.append(abs(factor))
        assert cKDTree(uv[chart == one]).query(uv[chart != one])[0].min() > 0.9 * GAP
    assert np.ptp(scales) < 1e-5
    assert uv.min() > 0.4 * GAP and uv.max() < 1 - 0.4 * GAP
    assert sum(width * height for width, height in sizes) * scales[0] ** 2 > 0.5


def test_the_upright_chart_is_not_turned() -> None:
    flat, faces, chart = strips([(0.5, 1.0), (1.0, 0.5)])
    uv = pack(flat, faces, chart, 0)
    first = uv[chart == 0]
    assert np.ptp(first[:, 1]) > 1.9 * np.ptp(first[:, 0])
    assert first[1, 1] > first[0, 1]
