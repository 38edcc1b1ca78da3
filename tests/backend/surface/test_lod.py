# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.lod import levels_of_detail
from backend.surface.mesh import Mesh
from backend.surface.unwrap import unwrap
from tests.analytic import BustField, SphereField

BUDGETS = (3000, 1200, 400)


@pytest.fixture(scope="module")
def dressed() -> Mesh:
    return unwrap(clean(extract(BustField(), 48), 4000), 512)


@pytest.fixture(scope="module")
def levels(dressed: Mesh) -> tuple[Mesh, ...]:
    return levels_of_detail(dressed, BUDGETS)


def test_each_level_meets_its_budget_and_stays_closed(levels: tuple[Mesh, ...]) -> None:
    for level, budget in zip(levels, BUDGETS, strict=True):
        assert budget - 2 <= len(level.faces) <= budget
        assert level.is_closed() and level.euler() == 2 and level.volume() > 0


def test_levels_share_one_texture(dressed: Mesh, levels: tuple[Mesh, ...]) -> None:
    known = {tuple(row) for row in np.column_stack([dressed.vertices, dressed.uv]).tolist()}
    for level in levels:
        assert known.issuperset(tuple(row) for row in np.column_stack([level.vertices, level.uv]).tolist())
        known = {tuple(row) for row in np.column_stack([level.vertices, level.uv]).tolist()}


def test_texture_positions_still_show_the_same_place(dressed: Mesh, levels: tuple[Mesh, ...]) -> None:
    from backend.texture.raster import raster_uv

    size = 256
    full = raster_uv(dressed, size)
    truth = np.zeros((size, size, 3), np.float32)
    truth[full.face >= 0] = full.interpolate(dressed.faces, dressed.vertices)
    for level, limit, kept in zip(levels, (0.004, 0.008, 0.02), (0.99, 0.97, 0.93), strict=True):
        raster = raster_uv(level, size)
        both = (raster.face >= 0) & (full.face >= 0)
        assert both.sum() > kept * (full.face >= 0).sum(), "charts keep their outlines"
        place = np.zeros_like(truth)
        place[raster.face >= 0] = raster.interpolate(level.faces, level.vertices)
        assert np.linalg.norm((place - truth)[both], axis=1).mean() < limit


def test_no_chart_face_turns_over(dressed: Mesh, levels: tuple[Mesh, ...]) -> None:
    corners = np.column_stack([dressed.vertices, dressed.uv])[dressed.faces]
    turn_of = {tuple(row): turn for face, turn in zip(corners, turns(dressed), strict=True) for row in face.tolist()}
    for level in levels:
        corners = np.column_stack([level.vertices, level.uv])[level.faces]
        for face, turn in zip(corners, turns(level), strict=True):
            assert all(turn_of[tuple(row)] == turn for row in face.tolist())


def test_a_sphere_keeps_its_volume_within_the_error() -> None:
    ball = clean(extract(SphereField(0.6), 64), 10_000)
    (coarse,) = levels_of_detail(ball, (4,), error=0.004)
    assert 100 < len(coarse.faces) < 3000
    assert abs(coarse.volume() / (4 / 3 * np.pi * 0.6**3) - 1) < 0.03
    (finer,) = levels_of_detail(ball, (4,), error=0.001)
    assert len(finer.faces) > 2 * len(coarse.faces)


def test_borders_and_edges_of_three_faces_stay() -> None:
    side = 21
    grid = np.stack(np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side), indexing="ij"), -1).reshape(-1, 2)
    quads = np.arange(side * side).reshape(side, side)[:-1, :-1].reshape(-1, 1) + np.array([0, side, side + 1, 1])
    faces = quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    row = np.arange(side // 2 * side, (side // 2 + 1) * side)
    top = len(grid) + np.arange(side)
    fin = np.concatenate([np.stack([row[:-1], row[1:], top[1:]], 1), np.stack([row[:-1], top[1:], top[:-1]], 1)])
    flat = np.column_stack([grid, np.zeros(len(grid))])
    vertices = np.concatenate([flat, flat[row] + [0, 0, 0.3]]).astype(np.float32)
    (coarse,) = levels_of_detail(Mesh(vertices, np.concatenate([faces, fin]).astype(np.int32)), (60,))
    assert len(coarse.faces) < 200
    assert abs(coarse.areas().sum() - 1.3) < 1e-5
    for corner in ([0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]):
        assert (np.abs(coarse.vertices - corner).sum(1) < 1e-6).any()


def test_the_mesh_is_left_as_it_was(dressed: Mesh) -> None:
    faces = dressed.faces.copy()
    same, _ = levels_of_detail(dressed, (10_000, 500))
    assert same is dressed
    assert np.array_equal(dressed.faces, faces)


@pytest.mark.parametrize("budgets", [(100, 100), (100, 200), (0,)])
def test_budgets_must_fall(dressed: Mesh, budgets: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must be positive and fall"):
        levels_of_detail(dressed, budgets)


def turns(mesh: Mesh) -> np.ndarray:
    corners = mesh.uv[mesh.faces].astype(np.float64)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.sign(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
