# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from backend.models.stylegan import Mapping, MappingConfig, ModulatedConv, Synthesis, SynthesisConfig, enlarge, smooth

TINY = SynthesisConfig(w=8, side=16, channels=3, base=64, most=8)


def test_modulation_is_a_kernel_of_each_samples_own() -> None:
    """The plain twin: weights scaled by the style, then to unit norm, one convolution per sample."""
    layer = ModulatedConv(4, 6, 8, 10)
    layer.noise_strength.data.fill_(0.3)
    x, w = torch.randn(2, 4, 10, 10), torch.randn(2, 8)
    expected = []
    for each, style in zip(x, layer.affine(w), strict=True):
        kernel = layer.weight * style[None, :, None, None]
        kernel = kernel * (kernel.square().sum((1, 2, 3), keepdim=True) + 1e-8).rsqrt()
        plain = functional.conv2d(each[None], kernel, padding=1) + layer.noise * 0.3
        expected.append(functional.leaky_relu(plain + layer.bias[:, None, None], 0.2) * math.sqrt(2))
    assert torch.allclose(layer(x, w, "const"), torch.cat(expected), atol=1e-5)


def test_enlarging_keeps_a_constant_and_the_middle_of_a_picture() -> None:
    inner = enlarge(torch.ones(1, 2, 8, 8))[:, :, 2:-2, 2:-2]
    assert torch.allclose(inner, torch.ones_like(inner), atol=1e-6)
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    found = enlarge(ramp)[0, 0, 8]
    assert torch.allclose(found[4:12], torch.arange(16.0)[4:12] / 2 - 0.25, atol=1e-5)


def test_smoothing_spreads_a_point_by_its_taps() -> None:
    point = torch.zeros(1, 1, 9, 9)
    point[..., 4, 4] = 1
    taps = torch.tensor([1.0, 3, 3, 1]) / 8
    found = smooth(point, gain=1.0, pad=(2, 1))[0, 0]
    assert torch.allclose(found[3:7, 3:7], torch.outer(taps, taps), atol=1e-7) and math.isclose(float(found.sum()), 1)


def test_an_image_has_its_size_and_noise_is_told() -> None:
    network = Synthesis(TINY)
    styles = torch.randn(2, TINY.styles, 8)
    assert TINY.sides == (4, 8, 16) and TINY.styles == 6
    image = network(styles)
    assert image.shape == (2, 3, 16, 16) and torch.equal(network(styles, "none"), image)  # strengths start at 0
    network.blocks[-1].conv1.noise_strength.data.fill_(1.0)
    assert not torch.equal(network(styles, "const"), image) and torch.equal(network(styles, "none"), image)


def test_each_style_changes_the_image() -> None:
    network, styles = Synthesis(TINY), torch.randn(1, TINY.styles, 8)
    before = network(styles)
    for index in range(TINY.styles):
        changed = styles.clone()
        changed[:, index] += 1
        assert not torch.allclose(network(changed), before), index


@pytest.mark.parametrize("labels", [0, 5])
def test_mapping_forgets_the_latents_length_and_truncates(labels: int) -> None:
    mapping = Mapping(MappingConfig(z=6, labels=labels, w=8, layers=3))
    z, label = torch.randn(4, 6), torch.randn(4, labels) if labels else None
    assert torch.allclose(mapping(z, label), mapping(3 * z, label), atol=1e-4)
    mapping.mean.copy_(torch.randn(8))
    assert torch.allclose(mapping(z, label, 0.0), mapping.mean.expand(4, -1))
    half = (mapping(z, label) + mapping.mean) / 2
    assert torch.allclose(mapping(z, label, 0.5), half, atol=1e-5)


def test_it_can_be_trained() -> None:
    network, styles = Synthesis(TINY), torch.randn(1, TINY.styles, 8)
    target = torch.randn(1, 3, 16, 16)
    optimiser = torch.optim.Adam(network.parameters(), 0.02)

    def step() -> Tensor:
        loss = (network(styles) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.detach()

    first = step()
    for _ in range(20):
        last = step()
    assert last < 0.7 * first
    assert all(value.grad is not None for value in network.parameters())


def test_activations_are_clamped() -> None:
    network = Synthesis(SynthesisConfig(w=8, side=8, channels=3, base=64, most=8, clamp=0.5))
    assert network(100 * torch.randn(1, 4, 8)).abs().max() <= 1.0 * 2.3  # two layers add up, the first enlarged
