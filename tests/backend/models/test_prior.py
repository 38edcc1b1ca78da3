# SPDX-License-Identifier: GPL-3.0-or-later
import json
import math

import torch

from backend.models.embedding import normalised
from backend.models.prior import LatentPrior, PriorConfig


def test_an_untrained_network_is_right_about_clean_vectors() -> None:
    prior = LatentPrior(PriorConfig.tiny())
    people = torch.randn(3, 36)
    torch.testing.assert_close(prior(people, torch.zeros(3)), people)


def test_sampling_is_deterministic_and_of_unit_rms() -> None:
    prior = LatentPrior(PriorConfig.tiny()).eval()
    torch.nn.init.normal_(prior.out.weight, std=0.1)
    noise = torch.randn(4, 36)
    first, second = prior.sample(noise, steps=6), prior.sample(noise, steps=6)
    assert torch.equal(first.z, second.z) and torch.equal(first.components, second.components)
    torch.testing.assert_close(first.z.square().mean(1), torch.ones(4))
    assert first.components.shape == (4, 4)


def gaussian_people() -> tuple[torch.Tensor, torch.Tensor]:
    """People, the first half of whose z is what the sentence says and whose components are four numbers of z, and the
    sentences."""
    random = torch.Generator().manual_seed(0)
    text = torch.randn(4000, 32, generator=random)
    people = 0.3 * torch.randn(4000, 36, generator=random) + 2
    people[:, :16] += text[:, 16:]
    people[:, 32:] = people[:, :4]
    return people, text


def test_before_any_training_it_is_the_gaussian_of_the_people() -> None:
    prior = LatentPrior(PriorConfig.tiny()).eval()
    people, text = gaussian_people()
    explained = prior.learn(people, text)
    assert abs(explained - 0.5 / (0.5 + 0.09)) < 0.03
    drawn = prior.sample(torch.randn(4000, 36, generator=torch.Generator().manual_seed(1)), steps=24)
    real = prior.parted(people)
    torch.testing.assert_close(real.z, normalised(people[:, :32]))
    for ours, theirs in zip(drawn, real, strict=True):
        torch.testing.assert_close(ours.mean(0), theirs.mean(0), atol=0.05, rtol=0.02)
        torch.testing.assert_close(ours.std(0), theirs.std(0), atol=0.05, rtol=0.02)
    # z and components are of one person: before z was scaled they were equal.
    pairs = torch.cat([drawn.z[:, :1], drawn.components[:, :1]], 1).T
    assert torch.corrcoef(pairs)[0, 1] > 0.9


def test_before_any_training_sentences_move_the_mean() -> None:
    prior = LatentPrior(PriorConfig.tiny()).eval()
    prior.learn(*gaussian_people())
    text = torch.zeros(500, 32)
    text[:, 16] = 2.0
    noise = torch.randn(500, 36, generator=torch.Generator().manual_seed(1))
    told, free = prior.sample(noise, text).z, prior.sample(noise).z
    assert (told[:, 0] - free[:, 0]).mean() > 0.4 and abs(float((told[:, 20] - free[:, 20]).mean())) < 0.15
    assert told[:, 0].std() < 0.5 * free[:, 0].std()


def test_the_solver_needs_few_steps() -> None:
    prior = LatentPrior(PriorConfig.tiny()).eval()
    prior.learn(*gaussian_people())
    noise = torch.randn(8, 36)
    exact = torch.cat(prior.sample(noise, steps=400), 1)
    errors = [float((torch.cat(prior.sample(noise, steps=steps), 1) - exact).abs().max()) for steps in (6, 12, 24)]
    assert errors[2] < 0.02 and errors[2] < errors[1] < errors[0]


def test_sentences_count_unless_dropped_and_guidance_exaggerates() -> None:
    prior = LatentPrior(PriorConfig.tiny()).eval()
    for block in prior.blocks:
        torch.nn.init.normal_(block.modulate.weight, std=0.2)
    torch.nn.init.normal_(prior.out.weight, std=0.2)
    noisy, angle, text = torch.randn(2, 36), torch.full((2,), math.pi / 3), torch.randn(2, 32)
    free, told = prior(noisy, angle), prior(noisy, angle, text)
    mixed = prior(noisy, angle, text, torch.tensor([True, False]))
    torch.testing.assert_close(mixed, torch.stack([free[0], told[1]]))
    assert (free - told).abs().max() > 1e-3
    torch.testing.assert_close(prior._guided(noisy, angle, text, 2.0), 2 * told - free)


def test_configurations_survive_json() -> None:
    config = PriorConfig(width=64)
    assert PriorConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
