# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import asdict

import torch

from backend.models.triplane_unet import TriplaneUNet, UNetConfig

TINY = UNetConfig.tiny()


def inputs(batch: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    side, portrait = TINY.latent_size, TINY.portrait.image_size
    generator = torch.Generator().manual_seed(0)
    noisy = torch.randn(batch, TINY.latent_channels, side, 3 * side, generator=generator)
    return noisy, torch.linspace(0.1, 0.9, batch), torch.randn(batch, 4, portrait, portrait, generator=generator)


def test_dropped_portraits_leave_no_trace() -> None:
    unet = TriplaneUNet(TINY)
    _, _, portraits = inputs(2)
    seen, free = unet.condition(portraits, torch.tensor([True, False])), unet.no_condition(1)
    for name in ("tokens", "embedding", "expected", "doubt"):
        torch.testing.assert_close(getattr(seen, name)[:1], getattr(free, name))
        assert not torch.allclose(getattr(seen, name)[1], getattr(free, name)[0])


def test_every_weight_learns() -> None:
    """Two steps, since zero-initialised layers block the first gradient of what lies before them."""
    unet = TriplaneUNet(TINY)
    noisy, sigma, portraits = inputs(3)
    unet.principal.learn(torch.randn(8, noisy[0].numel()))
    optimiser = torch.optim.Adam(unet.parameters(), lr=1e-2)
    for _ in range(4):
        optimiser.zero_grad()
        denoised = unet(noisy, sigma, unet.condition(portraits, torch.tensor([True, False, False])))
        (denoised - 1).square().mean().backward()
        optimiser.step()
    silent = [name for name, parameter in unet.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    assert not silent


def test_configuration_survives_json() -> None:
    assert UNetConfig.from_json(json.loads(json.dumps(asdict(TINY)))) == TINY
