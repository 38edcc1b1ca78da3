# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import replace

import pytest
import torch

from backend.models.latent_denoiser import IMAGE_Z, NOTHING, PORTRAIT, TEXT_Z, LatentDenoiser, LatentDenoiserConfig

TINY = LatentDenoiserConfig.tiny()
FIELDS = ("tokens", "embedding", "laid", "expected", "doubt")


def inputs(batch: int) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    side, portrait = TINY.latent_size, TINY.portrait.image_size
    return {
        "noisy": torch.randn(batch, TINY.latent_channels, side, 3 * side, generator=random),
        "sigma": torch.linspace(0.1, 1.0, batch),
        "z": torch.randn(batch, TINY.z_size, generator=random),
        "suggested": torch.randn(batch, TINY.components, generator=random),
        "portrait": torch.randn(batch, 4, portrait, portrait, generator=random),
        "angles": 0.2 * torch.randn(batch, 2, generator=random),
    }


def learned(config: LatentDenoiserConfig = TINY) -> LatentDenoiser:
    """Not in its first state any more, in which much is silent."""
    torch.manual_seed(0)
    network, given = LatentDenoiser(config), inputs(4)
    network.principal.learn(torch.randn(8, given["noisy"][0].numel()))
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(4):
        optimiser.zero_grad()
        kinds = torch.tensor([PORTRAIT, IMAGE_Z, TEXT_Z, NOTHING])
        seen = network.see(kinds, given["z"], given["suggested"], given["portrait"], given["angles"])
        (network(given["noisy"], given["sigma"], seen) - 1).square().mean().backward()
        optimiser.step()
    return network


def test_every_weight_learns() -> None:
    network = learned()
    assert not [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()]


def test_rows_ignore_what_is_not_of_their_kind() -> None:
    network, given = learned(), inputs(4)
    kinds = torch.tensor([PORTRAIT, IMAGE_Z, TEXT_Z, NOTHING])
    seen = network.see(kinds, given["z"], given["suggested"], given["portrait"], given["angles"])
    other = network.see(kinds, given["z"], given["suggested"], -given["portrait"], given["angles"])
    for name in FIELDS:
        assert torch.equal(getattr(seen, name)[1:], getattr(other, name)[1:])
    assert not torch.allclose(seen.laid[0], other.laid[0])
    free = network.nothing(1)
    for name in FIELDS:
        torch.testing.assert_close(getattr(seen, name)[3:], getattr(free, name))


@pytest.mark.parametrize("way", ["tokens", "modulated", "aligned"])
def test_each_way_of_the_portrait_can_be_switched_off_alone(way: str) -> None:
    """With only that way left, portraits change the answer; with none they do not."""
    off = replace(TINY, tokens=False, modulated=False, aligned=False)
    given, kinds = inputs(1), torch.tensor([PORTRAIT])
    for config, matters in ((replace(off, **{way: True}), True), (off, False)):
        network = learned(config)
        answers = []
        for sign in (1, -1):
            seen = network.see(kinds, None, None, sign * given["portrait"], given["angles"])
            answers.append(network(given["noisy"], given["sigma"], seen))
        assert torch.allclose(answers[0], answers[1]) is not matters


def test_configuration_survives_json() -> None:
    assert LatentDenoiserConfig.from_json(json.loads(json.dumps(TINY.to_json()))) == TINY
