# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import torch

from backend.models.discriminator import Conv, Discriminator, DiscriminatorConfig, r1_penalty, variety

TINY = DiscriminatorConfig.tiny()


def test_pictures_and_cameras_become_one_number_each() -> None:
    network = Discriminator(TINY)
    pictures, labels = torch.randn(4, 4, 16, 16), torch.randn(4, 25)
    said = network(pictures, labels)
    assert said.shape == (4,)
    assert not torch.allclose(said, network(pictures, labels.flip(0)))
    untold = Discriminator(replace(TINY, labels=0))
    assert untold(pictures).shape == (4,) and untold.label is None


def test_halving_keeps_even_pictures_even_and_their_mean() -> None:
    for kernel in (1, 3):
        conv = Conv(1, 1, kernel, down=True, active=False)
        with torch.no_grad():
            conv.weight.zero_()[0, 0, kernel // 2, kernel // 2] = 1 / conv.scale
        picture = torch.full((1, 1, 16, 16), 3.0)
        small = conv(picture)
        assert small.shape == (1, 1, 8, 8)
        torch.testing.assert_close(small[..., 1:-1, 1:-1], torch.full((1, 1, 6, 6), 3.0))
        # No shift by half a pixel: a ramp stays symmetric.
        ramp = conv(torch.linspace(-1, 1, 16).expand(1, 1, 16, 16))[0, 0, 4]
        torch.testing.assert_close(ramp[1:-1], -ramp.flip(0)[1:-1], atol=1e-6, rtol=0)


def test_signals_keep_their_size_through_fresh_layers() -> None:
    torch.manual_seed(0)
    network = Discriminator(DiscriminatorConfig.small())
    x = network.stem(torch.randn(2, 4, 64, 64))
    for block in network.blocks:
        x = block(x)
        assert 0.2 < float(x.std()) < 3


def test_variety_sees_batches_of_one_kind() -> None:
    same = torch.randn(1, 3, 4, 4).expand(4, -1, -1, -1)
    assert float(variety(same, 4).max()) < 1e-3
    assert float(variety(torch.randn(4, 3, 4, 4), 4).min()) > 0.5
    assert variety(torch.randn(3, 3, 4, 4), 4).shape == (3, 1, 4, 4)


def test_the_penalty_is_the_squared_slope_and_can_be_learned_from() -> None:
    """Of a plane a·x the gradient is a, whatever the picture."""
    slope = torch.randn(1, 4, 8, 8, requires_grad=True)
    picture = torch.randn(3, 4, 8, 8, requires_grad=True)
    penalty = r1_penalty((slope * picture).sum((1, 2, 3)), picture)
    torch.testing.assert_close(penalty, slope.square().sum())
    penalty.backward()
    torch.testing.assert_close(slope.grad, 2 * slope.detach())
    network = Discriminator(TINY)
    r1_penalty(network(seen := torch.randn(2, 4, 16, 16, requires_grad=True), torch.randn(2, 25)), seen).backward()
    assert network.stem.weight.grad is not None and network.stem.weight.grad.abs().max() > 0


def test_the_published_discriminator_judges_512_pixels() -> None:
    with torch.device("meta"):
        network = Discriminator(DiscriminatorConfig())
    assert len(network.blocks) == 7
    assert 25e6 < sum(parameter.numel() for parameter in network.parameters()) < 35e6
