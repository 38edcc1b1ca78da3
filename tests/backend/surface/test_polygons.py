# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.surface.mesh import Mesh
from backend.surface.overlap import covered_twice
from backend.surface.polygons import unwrap_polygons


def sphere_of_quads(rings: int = 24, around: int = 32) -> tuple[Mesh, np.ndarray]:
    """A globe: quads between parallels and meridians, fans at its poles; and each triangle's polygon."""
    tilt, turn = np.pi * np.arange(1, rings) / rings, 2 * np.pi * np.arange(around) / around
    ring = np.stack(
        np.broadcast_arrays(
            np.sin(tilt)[:, None] * np.sin(turn), np.cos(tilt)[:, None] + 0 * turn, np.sin(tilt)[:, None] * np.cos(turn)
        ),
        -1,
    ).reshape(-1, 3)
    vertices = np.concatenate([ring, [[0, 1, 0], [0, -1, 0]]]) * [0.5, 0.6, 0.5] + [0, 0.3, 0]
    faces, polygons = [], []
    for row in range(rings - 2):
        for column in range(around):
            a, b = row * around + column, row * around + (column + 1) % around
            c, d = a + around, b + around
            faces += [[a, c, d], [a, d, b]]
            polygons += [row * around + column] * 2
    top, bottom, last = len(ring), len(ring) + 1, (rings - 2) * around
    for column in range(around):
        after = (column + 1) % around
        faces += [[top, column, after], [bottom, last + after, last + column]]
        polygons += [10_000 + column, 20_000 + column]
    return Mesh(vertices.astype(np.float32), np.array(faces, np.int32)), np.array(polygons)


@pytest.fixture(scope="module")
def globe() -> tuple[Mesh, np.ndarray]:
    return sphere_of_quads()


def test_no_polygon_is_cut_and_nothing_overlaps(globe: tuple[Mesh, np.ndarray]) -> None:
    mesh, polygons = globe
    corners = unwrap_polygons(mesh, polygons, 512)
    assert corners.min() >= 0 and corners.max() <= 1
    keys = np.column_stack([np.repeat(polygons, 3), mesh.faces.reshape(-1)])
    places = np.concatenate([keys, corners.reshape(-1, 2).view(np.int32)], 1)
    assert len(np.unique(places, axis=0)) == len(np.unique(keys, axis=0)), "one place for each corner of a polygon"
    flat = corners[..., 0].astype(np.float64).reshape(-1) + 1j * corners[..., 1].reshape(-1)
    apart = Mesh(mesh.vertices[mesh.faces.reshape(-1)], np.arange(mesh.faces.size, dtype=np.int32).reshape(-1, 3))
    twice = covered_twice(apart, flat, np.zeros(len(mesh.faces), np.int64), 200_000)
    assert twice.mean() < 0.01
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = 0.5 * (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    assert area.min() > 0, "no triangle is turned over or lost"
    ratio = area / mesh.areas()
    assert np.quantile(ratio, 0.95) < 3 * np.quantile(ratio, 0.05)


def test_faces_without_area_take_a_place_of_their_corner(globe: tuple[Mesh, np.ndarray]) -> None:
    mesh, polygons = globe
    a, b = mesh.faces[40, :2]
    odd = Mesh(mesh.vertices, np.concatenate([mesh.faces, [[a, b, b], [a, a, a]]]).astype(np.int32))
    corners = unwrap_polygons(odd, np.append(polygons, [polygons[40], 99_999]), 512)
    assert corners[-2].tolist() == [corners[40, 0].tolist(), corners[40, 1].tolist(), corners[40, 1].tolist()]
    assert corners[-1].min() > 0
