# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.surface.extract import extract
from backend.surface.lattice import BLOCK, close, lattice
from backend.surface.marching import march
from tests.analytic import BustField, SphereField


def dense(field: SphereField, resolution: int) -> np.ndarray:
    """Every node asked: the plain twin."""
    axis = torch.linspace(-1, 1, resolution + 1)
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    return field.sdf(points).reshape((resolution + 1,) * 3).numpy()


def crossing(values: np.ndarray) -> np.ndarray:
    """Cells whose corners differ in sign."""
    last = len(values) - 1
    steps = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    corners = [(values < 0)[x : last + x, y : last + y, z : last + z] for x, y, z in steps]
    total = np.sum(corners, axis=0)
    return (total > 0) & (total < 8)


class Wavy(SphereField):
    """A ball with relief whose gradient reaches 1.6: steeper than a distance may be."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        relief = 0.03 * torch.sin(20 * points[:, 0]) * torch.sin(20 * points[:, 1])
        return (points.norm(dim=-1) - 0.55 + relief).clamp(-0.1, 0.1)


@pytest.mark.parametrize("field", [SphereField(0.613), BustField(), Wavy()], ids=["sphere", "bust", "wavy"])
@pytest.mark.parametrize("resolution", [36, 100])
def test_the_same_cells_cross_as_when_every_node_is_asked(field: SphereField, resolution: int) -> None:
    values, asked = lattice(field, resolution)
    full = dense(field, resolution)
    assert np.array_equal(crossing(values), crossing(full))
    assert np.array_equal(values < 0, full < 0)
    assert np.allclose(values[asked], full[asked], atol=1e-6)
    if resolution == 100:
        assert asked.mean() < 0.25


def test_the_surface_agrees_with_pymcubes_over_the_dense_lattice() -> None:
    mcubes = pytest.importorskip("mcubes")
    full = dense(SphereField(0.6), 64)
    vertices, faces = mcubes.marching_cubes(full, 0.0)
    mesh = extract(SphereField(0.6), 64)
    assert abs(len(mesh.faces) / len(faces) - 1) < 0.02
    assert abs(np.linalg.norm(vertices / 32 - 1, axis=1).mean() - np.linalg.norm(mesh.vertices, axis=1).mean()) < 1e-4


def test_volume_of_a_sphere() -> None:
    mesh = extract(SphereField(0.6), 64)
    assert mesh.is_closed() and mesh.euler() == 2
    assert abs(mesh.volume() / (4 / 3 * np.pi * 0.6**3) - 1) < 0.005


def test_a_bust_is_closed_by_a_flat_base() -> None:
    mesh = extract(BustField(), 64)
    assert mesh.is_closed() and mesh.volume() > 0
    low = mesh.vertices[mesh.vertices[:, 1] < -1 + 1.01 / 64]
    assert len(low) > 50
    assert np.ptp(low[:, 1]) < 1e-6


class Leaning(SphereField):
    """A long thin tube whose distance is far too small a number for its middle: bounds lose it, its ends are found."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        tube = torch.maximum(points[:, 1:].norm(dim=-1) - 0.06, points[:, 0].abs() - 0.8)
        steep = torch.where(points[:, 0].abs() < 0.3, 8.0, 1.0)
        return (tube * steep).clamp(-0.1, 0.1)


def test_a_surface_is_followed_where_the_bounds_fail() -> None:
    resolution = 64
    values, _ = lattice(Leaning(), resolution)
    assert np.array_equal(values < 0, dense(Leaning(), resolution) < 0)


def test_a_field_without_surface_is_refused() -> None:
    with pytest.raises(ValueError, match="no surface"):
        extract(SphereField(-1.0), 32)
    with pytest.raises(ValueError, match=f"multiple of {BLOCK}"):
        lattice(SphereField(), 30)


def test_nodes_on_the_surface_make_no_degenerate_faces() -> None:
    axis = np.linspace(-1, 1, 17)
    values = np.maximum.reduce(np.abs(np.stack(np.meshgrid(axis, axis, axis, indexing="ij")))).astype(np.float32) - 0.5
    assert (values == 0).any()
    close(values, 2 / 16)
    mesh = march(values, 1.0)
    assert mesh.is_closed()
    assert mesh.areas().min() > 0
