# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.surface.charts import cut_bust
from backend.surface.clean import clean
from backend.surface.coarsen import coarsen, half_edges
from backend.surface.extract import extract
from backend.surface.flatten import outlines, pieces
from backend.surface.insert import WIDEST
from backend.surface.mesh import Mesh
from tests.analytic import BustField


@pytest.fixture(scope="module")
def charts() -> Mesh:
    return cut_bust(clean(extract(BustField(), 48), 3000))


def euler(faces: np.ndarray) -> int:
    ends = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    return len(np.unique(faces)) - len(np.unique(ends, axis=0)) + len(faces)


def test_half_edges_know_their_twins_and_outlines_their_beginnings(charts: Mesh) -> None:
    twin, start = half_edges(charts.faces, len(charts.vertices))
    half = np.flatnonzero(twin >= 0)
    assert np.array_equal(twin[twin[half]], half)
    assert np.array_equal(charts.faces.reshape(-1)[start], np.arange(len(start)))
    rim = np.concatenate(outlines(charts.faces))
    assert (twin[start[rim]] < 0).all() and (twin < 0).sum() == len(rim)


def test_charts_stay_discs_down_to_a_face(charts: Mesh) -> None:
    count = int(pieces(charts.faces, len(charts.vertices)).max()) + 1
    budgets = np.array([1000, 200, 1])
    removed, begins, numbers, _, gone, levels = coarsen(charts.faces, charts.vertices.astype(np.float64), budgets)
    assert len(np.unique(removed)) == len(removed) == gone[-1]
    for budget, faces, last in zip(budgets, levels, gone, strict=True):
        assert len(faces) <= max(budget, 4 * count) and euler(faces) == count and len(outlines(faces)) == count
        assert not np.isin(removed[:last], faces).any()
    for row in range(len(removed)):
        ring = numbers[begins[row] : begins[row + 1]]
        assert not np.isin(removed[: row + 1], ring).any(), "a vertex comes back between others that are there"


def test_weights_give_each_vertex_its_place_where_the_surface_is_flat() -> None:
    """On a plane, mean values and offsets from the outline reproduce every position, in the reverse order."""
    random = np.random.default_rng(1)
    grid = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), -1).reshape(-1, 2)
    flat = (grid + random.uniform(-0.3, 0.3, grid.shape)) @ np.array([1, 1j])
    number = np.arange(144).reshape(12, 12)
    a, b, c, d = number[:-1, :-1].ravel(), number[:-1, 1:].ravel(), number[1:, 1:].ravel(), number[1:, :-1].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    points = np.stack([flat.real, flat.imag, np.zeros(144)], 1)
    removed, begins, numbers, weights, _, _ = coarsen(faces, points, np.array([60]))
    inside = ((points[removed, :2] > 0.5) & (points[removed, :2] < 10.5)).all(1)
    checked = 0
    for row in np.flatnonzero(inside):
        span = slice(begins[row], begins[row + 1])
        ring = flat[numbers[span]] - flat[removed[row]]
        angles = np.angle(ring[1:] / ring[:-1])
        if numbers[span][0] == numbers[span][-1] and angles.min() > 0 and angles.max() < WIDEST:
            assert abs((weights[span] * ring).sum()) < 1e-9
            checked += 1
    assert checked > 20
