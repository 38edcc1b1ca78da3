# SPDX-License-Identifier: GPL-3.0-or-later
"""Media whose pictures are known in closed form."""

import math

import pytest
import torch
from torch import Tensor

from backend.geometry.cameras import Rays
from backend.geometry.emission import Emission, TwoPassConfig, one_pass, two_pass

FOG = 0.7
"""Density of the fog in these tests, a unit of length."""


def through(count: int = 6) -> Rays:
    """Rays along -Z from z = 3, some to the side."""
    origins = torch.zeros(1, count, 3)
    origins[..., 0] = torch.linspace(0, 0.3, count)
    origins[..., 2] = 3
    return Rays(origins, torch.tensor([0.0, 0.0, -1.0]).expand(1, count, 3).contiguous())


def fog(points: Tensor) -> tuple[Tensor, Tensor]:
    """The same density everywhere, coloured by height along Z."""
    raw = math.log(math.expm1(FOG)) + 1  # softplus(raw - 1) = FOG
    return points[..., 2:].expand(-1, -1, 3), torch.full_like(points[..., :1], raw)


def render(**settings: object) -> Emission:
    return two_pass(fog, through(), 1.0, TwoPassConfig(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("fine", [0, 64])
def test_fog_covers_as_its_density_says(fine: int) -> None:
    seen = render(near=2.0, far=4.0, coarse=64, fine=fine)
    assert torch.allclose(seen.alpha, torch.tensor(1 - math.exp(-FOG * 2)), atol=0.02)
    mean = 1 / FOG - 2 * math.exp(-2 * FOG) / (1 - math.exp(-2 * FOG)) + 2
    assert torch.allclose(seen.depth, torch.tensor(mean), atol=0.03)
    assert torch.allclose(seen.colour[..., :1], seen.alpha * (3 - seen.depth), atol=0.03)


def test_the_box_bounds_rays_where_no_distances_are_given() -> None:
    seen = render(near=None, far=None, coarse=64, fine=0)
    assert torch.allclose(seen.alpha, torch.tensor(1 - math.exp(-FOG * 2)), atol=0.02)


def test_disparity_samples_lie_closer_together_in_front() -> None:
    seen = render(near=1.0, far=9.0, coarse=256, fine=0, disparity=True)
    assert torch.allclose(seen.alpha, torch.tensor(1 - math.exp(-FOG * 8)), atol=0.02)


def test_white_fills_what_passes() -> None:
    dark, white = render(near=2.0, far=4.0), render(near=2.0, far=4.0, white=True)
    assert torch.allclose(white.colour, dark.colour + 1 - dark.alpha, atol=1e-6)


def test_cropped_sides_hold_nothing() -> None:
    seen = two_pass(fog, through(2), 0.4, TwoPassConfig(near=2.0, far=4.0, crop=0.2))
    # The first ray meets |x| <= 0.2 and |z| <= 0.2; the second has x = 0.3.
    assert seen.alpha[0, 0] > 0.15 and seen.alpha[0, 1] == 0


def test_chance_is_the_generators() -> None:
    def drawn(seed: int) -> Tensor:
        random = torch.Generator().manual_seed(seed)
        return two_pass(fog, through(), 1.0, TwoPassConfig(coarse=8, fine=8), random).colour

    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))


def test_one_pass_counts_a_rays_way_through_the_box_as_one() -> None:
    rays = through(3)
    line = Rays(rays.origins[0], rays.directions[0])
    colour, alpha = one_pass(lambda p: (torch.zeros_like(p), p[..., :1] * 0), line, 0.5, 128, lambda raw: raw + 2.0)
    assert torch.allclose(alpha, torch.tensor(1 - math.exp(-2.0)), atol=1e-3)
    assert torch.allclose(colour, (1 - alpha)[:, None].expand(-1, 3), atol=1e-6)


def test_one_pass_leaves_rays_beside_the_box_white() -> None:
    beside = Rays(torch.tensor([[5.0, 0.0, 3.0]]), torch.tensor([[0.0, 0.0, -1.0]]))
    colour, alpha = one_pass(lambda p: (p, p[..., :1]), beside, 0.5, 16, torch.exp)
    assert torch.equal(colour, torch.ones(1, 3)) and torch.equal(alpha, torch.zeros(1))
