# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.surface.bricks import CELLS, Bricks, extract_bricks
from backend.surface.lattice import close, lattice
from backend.surface.marching import march
from tests.analytic import BustField, SphereField

RESOLUTION = 3 * CELLS


class Everywhere(SphereField):
    """Many small balls, some cut by the faces between bricks, and relief steeper than a distance may be."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        cells = torch.sin(7 * points[:, 0]) * torch.sin(7 * points[:, 1]) * torch.sin(7 * points[:, 2])
        return (0.15 * (0.3 - cells)).clamp(-0.1, 0.1)


@pytest.mark.parametrize("field", [SphereField(0.613), BustField(), Everywhere()], ids=["sphere", "bust", "many"])
def test_the_same_surface_as_on_the_whole_lattice(field: SphereField) -> None:
    values, _ = lattice(field, RESOLUTION)
    close(values, 2 / RESOLUTION)
    whole, parts = march(values, 1.0), extract_bricks(field, RESOLUTION)
    assert len(whole.faces) == len(parts.faces) and len(whole.vertices) == len(parts.vertices)
    assert parts.is_closed() and parts.euler() == whole.euler()
    order = [np.lexsort(np.round(mesh.vertices, 4).T) for mesh in (whole, parts)]
    assert np.abs(whole.vertices[order[0]].sum(0) - parts.vertices[order[1]].sum(0)).max() < 0.05
    assert abs(parts.volume() / whole.volume() - 1) < 1e-5


def test_every_node_of_the_dense_lattice_has_its_sign() -> None:
    bricks = Bricks(Everywhere(), RESOLUTION)
    axis = torch.linspace(-1, 1, RESOLUTION + 1)
    full = Everywhere().sdf(torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3))
    full = full.reshape((RESOLUTION + 1,) * 3).numpy()
    for place in np.ndindex(3, 3, 3):
        cut = full[tuple(slice(at * CELLS, at * CELLS + CELLS + 1) for at in place)]
        assert np.array_equal(bricks.values(place) < 0, cut < 0)


class Leaning(SphereField):
    """A long thin tube whose middle the bounds lose: only its ends are found at once."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        tube = torch.maximum(points[:, 1:].norm(dim=-1) - 0.06, points[:, 0].abs() - 0.8)
        return (tube * torch.where(points[:, 0].abs() < 0.3, 8.0, 1.0)).clamp(-0.1, 0.1)


def test_the_surface_is_followed_from_brick_to_brick() -> None:
    mesh = extract_bricks(Leaning(), RESOLUTION)
    assert mesh.is_closed() and mesh.euler() == 2
    assert np.ptp(mesh.vertices[:, 0]) == pytest.approx(1.6, abs=0.03)


def test_memory_grows_with_the_surface() -> None:
    """Twice the resolution: four times what is kept, not eight."""

    def kept(resolution: int) -> int:
        bricks = Bricks(SphereField(0.6), resolution)
        return sum(known.nbytes for _, known in bricks.asked.values())

    assert kept(256) < 4.5 * kept(128)


def test_resolutions_and_empty_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        extract_bricks(SphereField(), 100)
    with pytest.raises(ValueError, match="no surface"):
        extract_bricks(SphereField(-1.0), RESOLUTION)
