# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from backend.geometry import TRUNCATION
from backend.geometry.fields import TriplaneField
from backend.geometry.grid_field import GridField
from backend.geometry.kernels import squared_distances
from backend.surface.mending import closed, mended, solid
from tests.analytic import SphereField
from tests.backend.geometry.test_evening import slab


class SlitBall(SphereField):
    """A ball with a slit along x, so wide, from its top to its middle."""

    def __init__(self, width: float) -> None:
        super().__init__()
        self.width = width

    def sdf(self, points: Tensor) -> Tensor:
        slit = torch.maximum(points[..., 2].abs() - self.width / 2, -points[..., 1])
        return torch.maximum(super().sdf(points), -slit).clamp(-TRUNCATION, TRUNCATION)


def test_distances_within_the_window_are_exact() -> None:
    solid_cells = np.random.default_rng(0).random((13, 17, 11)) > 0.97
    found = squared_distances(solid_cells, 3)
    exact = ndimage.distance_transform_edt(~solid_cells) ** 2
    near = exact <= 9
    assert near.any() and np.array_equal(found[near], exact[near].round())
    assert (found[~near] > 9).all()


def test_a_body_is_closed_by_a_ball() -> None:
    body = np.zeros((24, 24, 24), bool)
    body[4:20, 4:20, 4:11] = body[4:20, 4:20, 13:20] = True  # two slabs, two nodes apart
    filled = closed(body, 3.0)
    assert filled[body].all() and filled[8:16, 8:16, 11:13].all()
    assert np.array_equal(closed(body, 0.9), body)
    assert not filled[:4].any() and not filled[:, :, 20:].any()


@pytest.mark.parametrize(("width", "stays"), [(0.04, False), (0.2, True)])
def test_narrow_slits_go_and_wide_ones_stay(width: float, stays: bool) -> None:
    field = SlitBall(width)
    within = torch.tensor([[0.0, 0.3, 0.0], [0.2, 0.2, 0.0]])
    assert (field.sdf(within) > 0).all()
    assert bool((mended(field, nodes=96).sdf(within) > 0).all()) is stays


def test_the_surface_stays_where_it_was_and_keeps_its_colours() -> None:
    ball = SphereField()
    field = mended(ball, nodes=96)
    directions = torch.nn.functional.normalize(torch.randn(500, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    assert field.sdf(directions * ball.radius).abs().max() < 0.25 * 2 / 95
    points = directions * 0.61
    assert torch.equal(field.rgb(points), ball.rgb(points))


def test_only_fields_of_planes_are_mended() -> None:
    ball = SphereField()
    assert solid(ball) is ball
    assert isinstance(solid(slab(0.0)), GridField)
    wide = TriplaneField(slab(0.0).triplane, slab(0.0).decoder)
    wide.extent = 2.0
    with pytest.raises(ValueError, match="unit box"):
        mended(wide)
