# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch
from torch import nn

from backend.geometry.evening import blurred, even
from backend.geometry.fields import TriplaneField
from backend.geometry.triplane import Triplane
from backend.models.decoder import DecoderConfig, FieldDecoder
from tests.analytic import SphereField


def signed() -> FieldDecoder:
    """The first feature as it is, in units of the truncation; each sign goes through a unit of its own."""
    decoder = FieldDecoder(DecoderConfig(channels=4, hidden=8)).requires_grad_(False)
    for layer in decoder.layers():
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    first, second, out = decoder.layers()
    for unit, sign in ((0, 1.0), (1, -1.0)):
        first.weight[unit, 0], second.weight[unit, unit], out.weight[0, unit] = sign, 1.0, sign
    return decoder


def slab(noise: float, side: int = 128) -> TriplaneField:
    """The half space y < 0 with noise from texel to texel."""
    random = torch.Generator().manual_seed(0)
    planes = torch.zeros(1, 3, 4, side, side)
    planes[0, 0, 0] = ((torch.arange(side) + 0.5) / side * 2 - 1)[:, None]
    planes[0, :, 0] += noise * torch.randn(3, side, side, generator=random)
    return TriplaneField(Triplane(planes), signed())


def test_a_gaussian_keeps_planes_and_spreads_a_point_by_its_width() -> None:
    ramp = torch.linspace(0, 1, 40).expand(1, 1, 40, 40)
    assert torch.allclose(blurred(ramp, 1.5)[..., 8:-8], ramp[..., 8:-8], atol=1e-6)
    point = torch.zeros(1, 2, 41, 41)
    point[..., 20, 20] = 1
    spot = blurred(point, 2.0)[0, 0]
    at = torch.arange(41.0) - 20
    assert float(spot.sum()) == pytest.approx(1, abs=1e-5)
    for axis in (0, 1):
        assert float((spot.sum(1 - axis) * at**2).sum()) == pytest.approx(4, rel=0.05)


def test_noise_goes_and_the_surface_stays() -> None:
    points = torch.rand(2000, 3, generator=torch.Generator().manual_seed(1)) * 0.1 - 0.05
    clean, rough = slab(0.0).sdf(points), slab(0.02)
    before = (rough.sdf(points) - clean).std()
    after = (even(rough, width=0.02).sdf(points) - clean).std()
    assert after < 0.45 * before
    assert (even(slab(0.0), width=0.02).sdf(points) - clean).abs().max() < 1e-5


def test_fields_without_fine_planes_stay_as_they_are() -> None:
    ball, coarse = SphereField(), slab(0.02, side=32)
    assert even(ball) is ball and even(coarse) is coarse
