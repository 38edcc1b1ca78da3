# SPDX-License-Identifier: GPL-3.0-or-later
import itertools
import math

import pytest
import torch
from torch import Tensor

from backend.geometry.cameras import Rays, orbit
from backend.geometry.fields import SoftField
from backend.geometry.sampling import RaySamples, Sampler, Stratified, TwoPass, Uniform, box_span, smoothed
from tests.analytic import BustField

FIELD = SoftField(BustField(), 0.02)


@pytest.fixture
def rays() -> Rays:
    return orbit(0.4, 0.2).rays(7, 7)


def sampled(sampler: Sampler, rays: Rays, random: torch.Generator | None = None) -> RaySamples:
    return sampler.sample(FIELD, rays, box_span(rays, 1.0), None, random)


def plain_density(depth: float, origin: Tensor, direction: Tensor) -> float:
    sdf = float(FIELD.sdf((origin + depth * direction)[None])[0])
    tail = math.exp(-abs(sdf) / 0.02) / 2
    return (tail if sdf > 0 else 1 - tail) / 0.02


def test_span_is_where_a_walk_along_the_ray_is_in_the_box(rays: Rays) -> None:
    span = box_span(rays, 1.0)
    walk = torch.linspace(0, 8, 8001)
    for ray in range(len(span.near)):
        inside = (rays.origins[ray] + walk[:, None] * rays.directions[ray]).abs().amax(1) <= 1
        if inside.any():
            assert abs(walk[inside][0] - span.near[ray]) < 2e-3 and abs(walk[inside][-1] - span.far[ray]) < 2e-3
        else:
            assert span.near[ray] == span.far[ray]


def test_rays_that_start_inside_begin_at_once_and_rays_that_look_away_miss() -> None:
    origins = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    span = box_span(Rays(origins, torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])), 1.0)
    assert span.near.tolist() == [0, 3 - 3] or span.near[0] == 0
    assert span.far[0] == 1 and span.far[1] == span.near[1]


def test_uniform_is_the_middle_of_equal_cells(rays: Rays) -> None:
    span, found = box_span(rays, 1.0), sampled(Uniform(5), rays)
    for ray in range(len(span.near)):
        near, far = float(span.near[ray]), float(span.far[ray])
        plain = [near + (far - near) * (k + 0.5) / 5 for k in range(5)]
        assert found.depths[ray].tolist() == pytest.approx(plain)
        assert found.deltas[ray].tolist() == pytest.approx([(far - near) / 5] * 5)
    assert found.queries == 5 * int((span.far > span.near).sum())


def test_stratified_puts_one_sample_in_every_cell(rays: Rays) -> None:
    span = box_span(rays, 1.0)
    found = sampled(Stratified(16), rays, torch.Generator().manual_seed(0))
    hit = span.far > span.near
    cell = ((found.depths - span.near[:, None]) / (span.far - span.near)[:, None] * 16)[hit]
    assert (cell.floor() == torch.arange(16)).float().mean() > 0.99  # a rounding at a border is allowed
    assert 0.4 < float((cell % 1).mean()) < 0.6 and float((cell % 1).std()) > 0.25


def plain_two_pass(origin: Tensor, direction: Tensor, near: float, far: float, coarse: int, fine: int) -> list[float]:
    step = (far - near) / coarse
    first = [near + (k + 0.5) * step for k in range(coarse)]
    passing, weight = 1.0, []
    for depth in first:
        opacity = 1 - math.exp(-plain_density(depth, origin, direction) * step)
        weight.append(passing * opacity)
        passing *= 1 - opacity
    around = [0.0, *weight, 0.0]
    greater = [max(a, b) for a, b in itertools.pairwise(around)]
    smooth = [(a + b) / 2 + 0.01 for a, b in itertools.pairwise(greater)]
    second = []
    for k in range(fine):
        wanted, bin_ = (k + 0.5) / fine * sum(smooth), 0
        while wanted > smooth[bin_]:
            wanted -= smooth[bin_]
            bin_ += 1
        second.append(near + (bin_ + wanted / smooth[bin_]) * step)
    return sorted(first + second)


def test_two_pass_asks_where_a_walk_through_its_weights_does(rays: Rays) -> None:
    span, found = box_span(rays, 1.0), sampled(TwoPass(12, 9), rays)
    for ray in torch.nonzero(span.far > span.near)[:, 0].tolist():
        bounds = float(span.near[ray]), float(span.far[ray])
        plain = plain_two_pass(rays.origins[ray], rays.directions[ray], *bounds, 12, 9)
        assert found.depths[ray].tolist() == pytest.approx(plain, abs=1e-3)
        assert float(found.deltas[ray].sum()) == pytest.approx(bounds[1] - bounds[0], abs=1e-4)


def test_two_pass_keeps_what_it_was_told(rays: Rays) -> None:
    found = sampled(TwoPass(6, 6), rays, torch.Generator().manual_seed(0))
    assert found.values is not None
    hit = (found.deltas > 0).reshape(-1)
    points = (rays.origins[:, None] + found.depths[..., None] * rays.directions[:, None]).reshape(-1, 3)
    torch.testing.assert_close(found.values.sdf[hit], FIELD.sdf(points[hit]))
    torch.testing.assert_close(found.values.rgb[hit], FIELD.rgb(points[hit]))


def test_smoothing_spreads_a_lone_weight_to_its_neighbours() -> None:
    found = smoothed(torch.tensor([[0.0, 0.0, 1.0, 0.0, 0.0]]))
    torch.testing.assert_close(found, torch.tensor([[0.01, 0.51, 1.01, 0.51, 0.01]]))
