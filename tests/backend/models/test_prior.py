# SPDX-License-Identifier: GPL-3.0-or-later
import json
import math

import torch

from backend.models.embedding import normalised
from backend.models.prior import LatentPrior, PriorConfig


class _Gaussian(LatentPrior):
    """Knows the best answer for data of deviation `spread` about zero."""

    spread = 0.4

    def forward(self, noisy, angle, text=None, dropped=None):  # type: ignore[no-untyped-def]
        variance = self.spread**2
        gain = angle.cos() * variance / (angle.cos().square() * variance + angle.sin().square())
        return gain[:, None] * noisy


def test_an_untrained_network_is_right_about_clean_vectors() -> None:
    prior = LatentPrior(PriorConfig.tiny())
    z = torch.randn(3, 32)
    torch.testing.assert_close(prior(z, torch.zeros(3)), z)


def test_sampling_is_deterministic_and_of_unit_rms() -> None:
    prior = LatentPrior(PriorConfig.tiny()).eval()
    torch.nn.init.normal_(prior.out.weight, std=0.1)
    noise = torch.randn(4, 32)
    first, second = prior.sample(noise, steps=6), prior.sample(noise, steps=6)
    assert torch.equal(first, second)
    torch.testing.assert_close(first.square().mean(1), torch.ones(4))


def test_the_solver_follows_the_exact_flow_of_a_gaussian() -> None:
    # Its probability flow scales noise by the ratio of deviations: the mean must lie far away to see it after scaling.
    prior = _Gaussian(PriorConfig.tiny())
    prior.mean.fill_(1.0)
    noise = torch.randn(8, 32)
    wanted = normalised(prior.spread * noise + 1)
    errors = [float((prior.sample(noise, steps=steps) - wanted).abs().max()) for steps in (8, 16, 32)]
    assert errors[2] < 0.01 and errors[2] < errors[1] < errors[0]


def test_sentences_count_unless_dropped_and_guidance_exaggerates() -> None:
    prior = LatentPrior(PriorConfig.tiny()).eval()
    for block in prior.blocks:
        torch.nn.init.normal_(block.modulate.weight, std=0.2)
    torch.nn.init.normal_(prior.out.weight, std=0.2)
    noisy, angle, text = torch.randn(2, 32), torch.full((2,), math.pi / 3), torch.randn(2, 32)
    free, told = prior(noisy, angle), prior(noisy, angle, text)
    mixed = prior(noisy, angle, text, torch.tensor([True, False]))
    torch.testing.assert_close(mixed, torch.stack([free[0], told[1]]))
    assert (free - told).abs().max() > 1e-3
    torch.testing.assert_close(prior._guided(noisy, angle, text, 2.0), 2 * told - free)


def test_configurations_survive_json() -> None:
    config = PriorConfig(width=64)
    assert PriorConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
