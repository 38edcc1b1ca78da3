# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.surface.blocks import Blocks
from tests.analytic import BustField, SphereField


class Wavy(SphereField):
    """A ball with relief whose gradient reaches 1.6: steeper than a distance may be."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        relief = 0.03 * torch.sin(20 * points[:, 0]) * torch.sin(20 * points[:, 1])
        return (points.norm(dim=-1) - 0.55 + relief).clamp(-0.1, 0.1)


class Everywhere(SphereField):
    """Many small balls, some cut by the box."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        cells = torch.sin(7 * points[:, 0]) * torch.sin(7 * points[:, 1]) * torch.sin(7 * points[:, 2])
        return (0.15 * (0.3 - cells)).clamp(-0.1, 0.1)


class Leaning(SphereField):
    """A long thin tube whose distance is far too small a number for its middle: bounds lose it, its ends are found."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        tube = torch.maximum(points[:, 1:].norm(dim=-1) - 0.06, points[:, 0].abs() - 0.8)
        steep = torch.where(points[:, 0].abs() < 0.3, 8.0, 1.0)
        return (tube * steep).clamp(-0.1, 0.1)


FIELDS = [SphereField(0.613), BustField(), Wavy(), Everywhere(), Leaning()]
NAMES = ["sphere", "bust", "wavy", "everywhere", "leaning"]


def dense(field: SphereField, resolution: int) -> np.ndarray:
    """Every node asked and the box closed: the plain twin."""
    axis = torch.arange(resolution + 1).float() * (2 / resolution) - 1
    points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    values = field.sdf(points).reshape((resolution + 1,) * 3).numpy()
    half = np.float32(1 / resolution)
    rim = np.minimum(np.arange(resolution + 1), resolution - np.arange(resolution + 1))
    depth = np.minimum(np.minimum(rim[:, None, None], rim[:, None]), rim)
    return np.where(depth == 0, np.maximum(values, half), np.where(depth == 1, np.maximum(values, -half), values))


def known(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """The nodes that were asked, and their values."""
    bits = blocks.asked[: blocks.count, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
    slot, bit = np.nonzero(bits)
    nodes = 4 * blocks.places[slot] + np.stack([bit >> 4, bit >> 2 & 3, bit & 3], 1)
    return nodes, blocks.values[slot, bit]


def crossing(values: np.ndarray) -> np.ndarray:
    """Cells whose corners differ in sign."""
    last = len(values) - 1
    negative = values < 0
    steps = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    total = np.sum([negative[x : last + x, y : last + y, z : last + z] for x, y, z in steps], axis=0)
    return (total > 0) & (total < 8)


@pytest.mark.parametrize("field", FIELDS, ids=NAMES)
@pytest.mark.parametrize("resolution", [36, 100])
def test_every_cell_that_the_dense_lattice_crosses_is_known(field: SphereField, resolution: int) -> None:
    blocks, full = Blocks(field, resolution), dense(field, resolution)
    nodes, values = known(blocks)
    assert np.allclose(values, full[tuple(nodes.T)], atol=1e-6)
    asked = np.zeros(full.shape, bool)
    asked[tuple(nodes.T)] = True
    last = resolution
    for x, y, z in np.ndindex(2, 2, 2):
        corner = asked[x : last + x, y : last + y, z : last + z]
        assert corner[crossing(full)].all()


def test_few_nodes_are_asked() -> None:
    blocks = Blocks(SphereField(0.6), 128)
    crossed = crossing(dense(SphereField(0.6), 128)).sum()
    assert len(known(blocks)[0]) < 5 * crossed


def test_memory_grows_with_the_surface() -> None:
    """Twice the resolution: four times what is kept, not eight."""

    def kept(resolution: int) -> int:
        return Blocks(SphereField(0.6), resolution).count

    assert kept(256) < 4.3 * kept(128)


def test_resolutions_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        Blocks(SphereField(), 30)
