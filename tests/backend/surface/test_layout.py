# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.flatten import distortion, pieces
from backend.surface.layout import crumpled, lay_out, singly
from backend.surface.mesh import Mesh
from tests.analytic import BustField


class Torn(BustField):
    """A bust full of pits, overhangs and tunnels, as a noisy field leaves it."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        x, y, z = (23 * points).unbind(-1)
        return (super().sdf(points) + 0.06 * torch.sin(x + 2 * z) * torch.sin(y) * torch.sin(z)).clamp(-0.1, 0.1)


@pytest.fixture(scope="module")
def torn() -> Mesh:
    return clean(extract(Torn(), 48), 4000)


def test_a_torn_surface_is_laid_flat_to_the_last_face(torn: Mesh) -> None:
    charts, flat = lay_out(torn)
    energy, areas = distortion(charts, flat)
    assert np.isfinite(energy).all() and not crumpled(charts, flat).any()
    assert (energy * areas).sum() / areas.sum() < 1.15
    assert np.array_equal(charts.vertices[charts.faces], torn.vertices[torn.faces])
    assert pieces(charts.faces, len(flat)).max() + 1 < len(torn.faces) / 20


def test_single_faces_keep_their_shape(torn: Mesh) -> None:
    apart, flat = singly(torn)
    energy, _ = distortion(apart, flat)
    assert energy == pytest.approx(np.ones(len(torn.faces)), abs=1e-4)
    assert len(flat) == 3 * len(torn.faces)
