# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.surface.charts import cut_apart, cut_bust, rounded, twins
from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.flatten import outlines, pieces
from backend.surface.mesh import Mesh
from tests.analytic import BustField, SphereField


@pytest.fixture(scope="module")
def bust() -> Mesh:
    return clean(extract(BustField(), 48), 20_000)


def assert_discs(mesh: Mesh) -> None:
    chart = pieces(mesh.faces, len(mesh.vertices))
    for one in range(chart.max() + 1):
        faces = mesh.faces[chart[mesh.faces[:, 0]] == one]
        assert len(outlines(faces)) == 1
        assert len(np.unique(faces)) - edges(faces) + len(faces) == 1


def edges(faces: np.ndarray) -> int:
    ends = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return len(np.unique(ends, axis=0))


def test_a_bust_is_cut_into_few_discs(bust: Mesh) -> None:
    cut = cut_bust(bust)
    assert np.array_equal(cut.vertices[cut.faces], bust.vertices[bust.faces])
    assert pieces(cut.faces, len(cut.vertices)).max() + 1 <= 6
    assert_discs(cut)


def test_no_cut_runs_through_the_face(bust: Mesh) -> None:
    cut = cut_bust(bust)
    middle = cut.vertices[cut.faces].mean(1)
    face = (np.abs(middle[:, 0]) < 0.3) & (np.abs(middle[:, 1] - 0.3) < 0.25) & (middle[:, 2] > 0)
    assert len(np.unique(pieces(cut.faces, len(cut.vertices))[cut.faces[face, 0]])) == 1


def test_a_ring_is_opened() -> None:
    ball = clean(extract(SphereField(0.6), 24), 2000)
    ring = (ball.vertices[ball.faces].mean(1)[:, 1] ** 2 < 0.1).astype(int)
    assert_discs(cut_apart(ball, twins(ball.faces), ring))


def test_borders_lose_their_teeth() -> None:
    ball = clean(extract(SphereField(0.6), 24), 2000)
    twin = twins(ball.faces)
    labels = (ball.vertices[ball.faces].mean(1)[:, 2] > 0).astype(int)
    labels[np.random.default_rng(2).choice(len(labels), 40, replace=False)] ^= 1

    def border(labels: np.ndarray) -> int:
        return int((labels[np.arange(len(twin)) // 3] != labels[twin // 3]).sum())

    assert border(rounded(labels, twin)) < 0.7 * border(labels)


def test_each_half_edge_finds_the_one_that_runs_back() -> None:
    twin = twins(np.array([[0, 1, 2], [0, 2, 3]]))
    assert twin.tolist() == [-1, -1, 3, 2, -1, -1]
