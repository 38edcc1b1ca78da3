# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.geometry.cameras import Rays, orbit
from backend.geometry.fields import SoftField
from backend.geometry.interpolated import Interpolated
from backend.geometry.sampling import Uniform, box_span
from backend.geometry.volume import render_rays
from tests.analytic import BustField, SphereField

FIELD = SoftField(BustField(), 0.01)


def test_few_samples_show_what_many_show() -> None:
    rays = orbit(0.4, 0.2).rays(24, 24)
    truth = render_rays(FIELD, rays, Uniform(768))
    for random in (None, torch.Generator().manual_seed(0)):
        few = render_rays(FIELD, rays, Interpolated(24, 12), random=random)
        assert float((few.rgb - truth.rgb).abs().mean()) < 0.02
        assert float((few.alpha - truth.alpha).abs().mean()) < 0.02
    same = render_rays(FIELD, rays, Uniform(12))
    assert float((same.rgb - truth.rgb).abs().mean()) > 1.5 * float((few.rgb - truth.rgb).abs().mean())


def test_samples_are_in_order_and_gather_at_the_surface() -> None:
    field = SoftField(SphereField(), 0.01)
    rays = Rays(torch.tensor([[0.0, 0.0, 4.0]]), torch.tensor([[0.0, 0.0, -1.0]]))
    found = Interpolated(24, 12).sample(field, rays, box_span(rays, 1.0), None, None)
    assert bool((found.depths.diff(dim=-1) >= 0).all())
    points = rays.origins[0] + found.depths[0, :, None] * rays.directions[0]
    assert float(field.sdf(points).abs().median()) < 0.03
    assert float(found.deltas.max()) <= 3 * 0.015 + 1e-6


def test_rays_that_pass_by_are_not_asked_again() -> None:
    field = SoftField(SphereField(), 0.01)
    origins = torch.tensor([[0.0, 0.0, 4.0], [0.95, 0.95, 4.0], [3.0, 0.0, 4.0]])
    rays = Rays(origins, torch.tensor([[0.0, 0.0, -1.0]]).expand(3, 3))
    found = Interpolated(10, 6).sample(field, rays, box_span(rays, 1.0), None, None)
    assert (found.deltas > 0).any(1).tolist() == [True, False, False]
    assert found.queries == 2 * 10 + 6
    view = render_rays(field, rays, Interpolated(10, 6))
    assert view.alpha[1:].abs().max() == 0 and float(view.alpha[0]) > 0.99


def test_gradients_reach_the_field_through_its_samples() -> None:
    radius = torch.tensor(0.5, requires_grad=True)

    class Ball:
        extent, device = 1.0, torch.device("cpu")

        def sdf(self, points: torch.Tensor) -> torch.Tensor:
            return points.norm(dim=-1) - radius

        def rgb(self, points: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(points)

    rays = orbit(0.0, target=(0.0, 0.0, 0.0)).rays(32, 32)
    view = render_rays(SoftField(Ball(), 0.01), rays, Interpolated(24, 12))
    view.alpha.mean().backward()
    assert float(radius.grad) > 0  # a larger ball covers more
