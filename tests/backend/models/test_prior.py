# SPDX-License-Identifier: GPL-3.0-or-later
import json
import math

import torch

from backend.models.embedding import normalised
from backend.models.prior import LatentPrior, PriorConfig


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


def gaussian_people() -> tuple[torch.Tensor, torch.Tensor]:
    """z whose first half is what the sentence says, and the sentences."""
    random = torch.Generator().manual_seed(0)
    text = torch.randn(4000, 32, generator=random)
    z = 0.3 * torch.randn(4000, 32, generator=random) + 2
    z[:, :16] += text[:, 16:]
    return z, text


def test_before_any_training_it_is_the_gaussian_of_the_people() -> None:
    prior = LatentPrior(PriorConfig.tiny()).eval()
    z, text = gaussian_people()
    explained = prior.learn(z, text)
    assert abs(explained - 0.5 / (0.5 + 0.09)) < 0.03
    drawn = prior.sample(torch.randn(4000, 32, generator=torch.Generator().manual_seed(1)), steps=24)
    real = normalised(z)
    torch.testing.assert_close(drawn.mean(0), real.mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.std(0), real.std(0), atol=0.05, rtol=0)


def test_before_any_training_sentences_move_the_mean() -> None:
    prior = LatentPrior(PriorConfig.tiny()).eval()
    prior.learn(*gaussian_people())
    text = torch.zeros(500, 32)
    text[:, 16] = 2.0
    noise = torch.randn(500, 32, generator=torch.Generator().manual_seed(1))
    told, free = prior.sample(noise, text), prior.sample(noise)
    assert (told[:, 0] - free[:, 0]).mean() > 0.4 and abs(float((told[:, 20] - free[:, 20]).mean())) < 0.15
    assert told[:, 0].std() < 0.5 * free[:, 0].std()


def test_the_solver_needs_few_steps() -> None:
    prior = LatentPrior(PriorConfig.tiny()).eval()
    prior.learn(*gaussian_people())
    noise = torch.randn(8, 32)
    exact = prior.sample(noise, steps=400)
    errors = [float((prior.sample(noise, steps=steps) - exact).abs().max()) for steps in (6, 12, 24)]
    assert errors[2] < 0.02 and errors[2] < errors[1] < errors[0]


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
