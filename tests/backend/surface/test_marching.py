# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.surface.blocks import Blocks
from backend.surface.marching import march
from tests.analytic import SphereField
from tests.backend.surface.test_blocks import FIELDS, NAMES, dense


def crossings(values: np.ndarray) -> np.ndarray:
    """Where edges of the dense lattice cross 0, in cells: the plain twin of the vertices."""
    found = []
    for axis in range(3):
        first, second = (np.moveaxis(values, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
        row = np.argwhere((first < 0) != (second < 0))
        one, two = first[tuple(row.T)].astype(float), second[tuple(row.T)].astype(float)
        row = row.astype(float)
        row[:, 0] += one / (one - two)
        found.append(np.insert(row[:, 1:], axis, row[:, 0], 1))
    return np.concatenate(found)


@pytest.mark.parametrize("field", FIELDS, ids=NAMES)
def test_one_vertex_on_each_edge_that_the_dense_lattice_crosses(field: SphereField) -> None:
    resolution = 64
    mesh = march(Blocks(field, resolution))
    twin = crossings(dense(field, resolution))
    assert len(mesh.vertices) == len(twin)
    ours = (mesh.vertices.astype(float) + 1) * resolution / 2
    order = [np.lexsort(np.round(each, 1).T) for each in (ours, twin)]
    assert np.abs(ours[order[0]].sum(0) - twin[order[1]].sum(0)).max() < 0.02 * len(twin) ** 0.5
    assert mesh.is_closed()


def test_the_surface_agrees_with_pymcubes_over_the_dense_lattice() -> None:
    mcubes = pytest.importorskip("mcubes")
    for field in (FIELDS[0], FIELDS[2]):
        vertices, faces = mcubes.marching_cubes(dense(field, 64), 0.0)
        mesh = march(Blocks(field, 64))
        assert abs(len(mesh.faces) / len(faces) - 1) < 0.01
        places = vertices / 32 - 1
        corners = places[faces]
        volume = abs(np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))) / 6
        assert mesh.volume() == pytest.approx(volume, rel=1e-4)


class Cube(SphereField):
    """Its faces lie on nodes of the lattice."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        return (points.abs().amax(-1) - 0.5).clamp(-0.1, 0.1)


def test_nodes_on_the_surface_make_no_degenerate_faces() -> None:
    mesh = march(Blocks(Cube(), 64))
    assert mesh.is_closed() and mesh.areas().min() > 0
    assert mesh.volume() == pytest.approx(1, rel=0.01)
