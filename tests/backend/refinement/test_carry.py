# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.refinement.carry import carried
from backend.surface.mesh import Mesh
from backend.texture.raster import raster_uv
from tests.backend.texture.ball import ball


def corners(mesh: Mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    raster = raster_uv(mesh, 256)
    shown = raster.face >= 0
    return mesh.faces[raster.face[shown]], raster.weights[shown], raster.interpolate(mesh.faces, mesh.vertices)


def test_known_values_stay_and_the_rest_follows_them() -> None:
    mesh, _ = ball()
    vertices, shares, points = corners(mesh)
    known = (points[:, 2] > 0).astype(np.float32)
    values = np.where(known > 0, 0.7, 0.0).astype(np.float32)[:, None]
    found = carried(mesh, (vertices, shares), values, known)
    assert np.array_equal(found[known > 0], values[known > 0])
    behind = points[:, 2] < -0.1
    assert np.abs(found[behind] - 0.7).max() < 0.03


def test_it_is_smooth_between_two_ends() -> None:
    mesh, _ = ball()
    vertices, shares, points = corners(mesh)
    height = points[:, 1]
    known = (np.abs(height) > 0.4).astype(np.float32)
    found = carried(mesh, (vertices, shares), (height > 0).astype(np.float32)[:, None], known)[:, 0]
    band = np.abs(height) < 0.05
    assert abs(found[band].mean() - 0.5) < 0.1 and found[band].std() < 0.15


def test_a_loose_part_that_nobody_saw_keeps_its_values() -> None:
    mesh, _ = ball()
    vertices, shares, points = corners(mesh)
    count = len(mesh.vertices)
    assert mesh.uv is not None
    both = Mesh(
        np.concatenate([mesh.vertices, mesh.vertices * np.float32(0.5)]),
        np.concatenate([mesh.faces, mesh.faces + count]),
        np.concatenate([mesh.uv, mesh.uv]),
    )
    values = np.full((2 * len(points), 1), 0.3, np.float32)
    values[: len(points)] = 1
    known = np.zeros(2 * len(points), np.float32)
    known[: len(points)] = 1
    found = carried(both, (np.concatenate([vertices, vertices + count]), np.tile(shares, (2, 1))), values, known)
    assert np.array_equal(found, values)


def test_nothing_known_changes_nothing() -> None:
    mesh, _ = ball()
    vertices, shares, points = corners(mesh)
    values = points[:, :1].copy()
    assert np.array_equal(carried(mesh, (vertices, shares), values, np.zeros(len(points), np.float32)), values)
