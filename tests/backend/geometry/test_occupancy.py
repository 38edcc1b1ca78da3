# SPDX-License-Identifier: GPL-3.0-or-later
import math

import torch

from backend.geometry.kernels import rings
from backend.geometry.occupancy import ask, occupancy, rings_plain
from tests.analytic import BustField, SphereField


def test_every_surface_point_lies_in_a_near_cell() -> None:
    grid = occupancy(SphereField(0.6))
    points = torch.nn.functional.normalize(torch.randn(5000, 3), dim=-1) * 0.6
    assert grid.near.reshape(-1)[grid.cells(points)].all()
    assert grid.near.float().mean() < 0.2


def test_inside_is_the_sign_at_the_centre() -> None:
    grid = occupancy(SphereField(0.6))
    points = torch.rand(2000, 3) * 2 - 1
    radius = points.norm(dim=-1)
    inside = grid.inside.reshape(-1)[grid.cells(points)]
    assert inside[radius < 0.5].all()
    assert not inside[radius > 0.7].any()


def test_a_clear_step_never_crosses_the_surface() -> None:
    radius = 0.3
    grid = occupancy(SphereField(radius))
    points = torch.rand(20000, 3) * 2 - 1
    step = grid.clear.reshape(-1)[grid.cells(points)]
    outside = points.norm(dim=-1) > radius
    assert (step[outside] <= points[outside].norm(dim=-1) - radius + 1e-6).all()
    assert step.max() > 0.5, "empty space must be crossed in few strides"


def test_inside_the_body_no_step_is_free() -> None:
    grid = occupancy(BustField())
    assert (grid.clear[grid.inside] == 0).all()


def test_an_empty_field_lets_rays_pass() -> None:
    class Empty(SphereField):
        def sdf(self, points: torch.Tensor) -> torch.Tensor:
            return torch.full_like(points[:, 0], 0.1)

    grid = occupancy(Empty())
    assert not grid.near.any()
    assert (grid.clear > 2 * math.sqrt(3)).all()


def test_asking_in_tiles_changes_nothing() -> None:
    points = torch.rand(40000, 3)
    assert torch.equal(ask(SphereField(), points), SphereField().sdf(points))


def test_rings_are_counted_as_by_growing() -> None:
    solid = torch.rand(11, 11, 11, generator=torch.Generator().manual_seed(0)) > 0.98
    assert torch.equal(torch.from_numpy(rings(solid.numpy())), rings_plain(solid))
    assert (rings(torch.zeros(3, 3, 3, dtype=torch.bool).numpy()) > 1000).all()
