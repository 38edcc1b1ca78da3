# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest
import torch
from torch import Tensor

from backend.geometry.cameras import Rays, orbit
from backend.geometry.fields import SoftField
from backend.geometry.proposed import Mode, Proposed, bin_weights, probe, reach
from backend.geometry.sampling import Uniform, box_span
from backend.geometry.volume import volume_render
from tests.analytic import SphereField

FIELD = SoftField(SphereField(0.6), 0.005)
CAMERA = orbit(0.3, 0.1)
SIDE = 16


class Enlarged:
    """Says that the weights of a pixel are those of its block: the simplest network there is."""

    bins, factor = 48, 2

    def probabilities(self, weights: Tensor, image: Tensor, directions: Tensor) -> Tensor:
        spread = torch.nn.functional.max_pool3d(weights[:, None], (11, 3, 3), 1, (5, 1, 1))[:, 0] + 1e-6
        large = spread.repeat_interleave(2, -1).repeat_interleave(2, -2)
        return large / large.sum(1, keepdim=True)


def test_probe_sees_the_picture_at_half_the_size() -> None:
    rays = CAMERA.rays(SIDE, SIDE)
    seen = probe(FIELD, rays, (SIDE, SIDE), Enlarged(), reach(box_span(rays, 1.0)))
    truth = volume_render(FIELD, CAMERA, SIDE // 2, SIDE // 2, Uniform(1024))
    assert seen.weights.shape == (1, 48, 8, 8) and seen.queries == 64 * 49
    assert (seen.weights.sum(1)[0] - truth.alpha).abs().mean() < 0.03
    assert (seen.image[0].permute(1, 2, 0) - truth.rgb).abs().mean() < 0.03
    small = CAMERA.rays(SIDE // 2, SIDE // 2).directions
    assert (seen.directions[0].permute(1, 2, 0).reshape(-1, 3) - small).abs().max() < 1e-4


def test_bin_weights_follow_the_light_bin_by_bin() -> None:
    rays = CAMERA.rays(3, 3)
    edges = torch.linspace(3.0, 6.0, 21).expand(9, -1)
    weight, _, sdf, _ = bin_weights(FIELD, rays, edges)
    for ray in range(9):
        passing = 1.0
        densities = []
        for depth in edges[ray]:
            point = rays.origins[ray] + depth * rays.directions[ray]
            distance = float(FIELD.sdf(point[None])[0])
            tail = math.exp(-abs(distance) / 0.005) / 2
            density = (tail if distance > 0 else 1 - tail) / 0.005
            densities.append(density if bool((point.abs() <= 1).all()) else 0.0)
        for bin_ in range(20):
            optical = (densities[bin_] + densities[bin_ + 1]) / 2 * 0.15
            assert float(weight[ray, bin_]) == pytest.approx(passing * (1 - math.exp(-optical)), abs=2e-3)
            passing *= math.exp(-optical)
    assert sdf.max() == 1


@pytest.mark.parametrize("mode", ["unstratified", "stratified", "robust"])
def test_samples_lie_in_the_box_in_order_where_the_weight_is(mode: Mode) -> None:
    rays = CAMERA.rays(SIDE, SIDE)
    span = box_span(rays, 1.0)
    found = Proposed(Enlarged(), mode, 12).sample(FIELD, rays, span, (SIDE, SIDE), torch.Generator().manual_seed(0))
    real = found.deltas > 0
    assert (found.depths.diff(dim=-1) >= 0).all()
    assert (found.depths >= span.near[:, None])[real].all() and (found.depths <= span.far[:, None])[real].all()
    along = -(rays.origins * rays.directions).sum(-1)
    closest = (rays.origins + along[:, None] * rays.directions).norm(dim=-1)
    hit = closest < 0.4
    surface = along - (0.36 - closest**2).clamp_min(0).sqrt()
    assert ((found.depths - surface[:, None]).abs().amin(-1)[hit] < 0.08).float().mean() > 0.95
    assert int(real.sum()) == found.queries - 64 * 49


def test_robust_sampling_sees_what_many_samples_see() -> None:
    truth = volume_render(FIELD, CAMERA, SIDE, SIDE, Uniform(1024)).rgb
    views = [
        volume_render(FIELD, CAMERA, SIDE, SIDE, Proposed(Enlarged(), "robust", n, share=0.9999)) for n in (2, 16, 96)
    ]
    errors = [float((view.rgb - truth).square().mean()) for view in views]
    assert errors[0] > 2 * errors[1] > 4 * errors[2] and errors[2] < 3e-4


def test_hard_pixels_get_more() -> None:
    rays = CAMERA.rays(SIDE, SIDE)
    sampler = Proposed(Enlarged(), "robust", 8, hard_budget=24, hard_share=0.25)
    found = sampler.sample(FIELD, rays, box_span(rays, 1.0), (SIDE, SIDE), None)
    assert found.depths.shape[1] == 24
    counts = (found.deltas > 0).sum(1)
    assert int((counts > 8).sum()) <= 64 and int(counts.max()) == 24


def test_rays_that_are_no_picture_are_refused() -> None:
    rays = CAMERA.rays(3, 5)
    with pytest.raises(ValueError, match="whole picture"):
        Proposed(Enlarged()).sample(FIELD, rays, box_span(rays, 1.0), None, None)
    with pytest.raises(ValueError, match="multiples"):
        Proposed(Enlarged()).sample(FIELD, rays, box_span(rays, 1.0), (3, 5), None)


def test_a_picture_that_misses_the_box_is_background() -> None:
    away = Rays(torch.tensor([0.0, 0.0, 4.0]).expand(16, 3), torch.tensor([0.0, 0.0, 1.0]).expand(16, 3))
    found = Proposed(Enlarged()).sample(FIELD, away, box_span(away, 1.0), (4, 4), None)
    assert found.queries == 0 and (found.deltas == 0).all()
