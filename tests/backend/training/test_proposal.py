# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest
import torch

from backend.geometry.cameras import orbit
from backend.geometry.fields import SoftField
from backend.models.proposal import ProposalCNN, ProposalConfig
from backend.training.proposal import (
    ProposalTraining,
    cropped,
    draw_patch,
    proposal_target,
    sampler_loss,
    train_proposal,
)
from tests.analytic import BustField, SphereField

FIELDS = [SoftField(SphereField(0.6), 0.01), SoftField(BustField(), 0.01)]
TINY = ProposalTraining(image=24, patch=8, margin=1, patches=12, steps=120, learning_rate=1e-2)


def test_target_is_the_blurred_weights_without_their_tails() -> None:
    weights = torch.zeros(1, 11)
    weights[0, 5], weights[0, 9] = 0.9, 0.004
    found = proposal_target(weights, blur=1.0)[0].tolist()
    kernel = [math.exp(-0.5 * k * k) for k in range(-3, 4)]
    blurred = [
        sum(float(weights[0, j]) * kernel[j - i + 3] for j in range(11) if abs(j - i) <= 3) / sum(kernel)
        for i in range(11)
    ]
    kept = [value if value >= 5e-3 else 0.0 for value in blurred]
    assert found == pytest.approx([value / sum(kept) for value in kept], abs=1e-5)
    assert found[9] == 0 and found[5] > 0.3
    assert proposal_target(torch.zeros(1, 11)).sum() == 0


def test_loss_is_the_cross_entropy_of_pixels_that_met_something() -> None:
    target = torch.zeros(4, 1, 2)
    target[1, 0, 0], target[2, 0, 0] = 0.25, 0.75
    log_probability = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()[:, None, None].expand(4, 1, 2)
    plain = -(0.25 * math.log(0.2) + 0.75 * math.log(0.3))
    assert float(sampler_loss(log_probability, target)) == pytest.approx(plain)


def test_rays_of_a_part_are_those_of_the_picture() -> None:
    camera = orbit(0.4, 0.1)
    whole = camera.rays(24, 24).directions.reshape(24, 24, 3)
    part = cropped(camera, 24, 4, 10, 8).rays(8, 8).directions.reshape(8, 8, 3)
    torch.testing.assert_close(part, whole[4:12, 10:18], atol=1e-5, rtol=0)


def test_a_patch_is_on_the_person_and_its_target_in_the_bins_of_its_probe() -> None:
    network = ProposalCNN(ProposalConfig.tiny())
    patch = draw_patch(FIELDS[0], network, TINY, torch.Generator().manual_seed(1))
    assert patch.target.shape == (15, 8, 8) and patch.seen.weights.shape == (1, 15, 6, 6)
    met = patch.target.sum(0) > 0
    assert met.any()
    inner = patch.seen.weights[0, :, 1:-1, 1:-1].repeat_interleave(2, 1).repeat_interleave(2, 2)
    both = met & (inner.sum(0) > 0.5)
    apart = (patch.target.argmax(0) - inner.argmax(0)).abs()[both]
    assert (apart <= 1).float().mean() > 0.8


def test_training_lowers_the_loss_and_repeats_itself() -> None:
    config = ProposalConfig.tiny()
    trained = train_proposal(FIELDS, config, TINY, seed=0)
    again = train_proposal(FIELDS, config, TINY, seed=0)
    fresh = train_proposal(FIELDS, config, ProposalTraining(image=24, patch=8, margin=1, patches=1, steps=0), seed=0)
    assert all(torch.equal(a, b) for a, b in zip(trained.parameters(), again.parameters(), strict=True))
    patch = draw_patch(FIELDS[1], trained, TINY, torch.Generator().manual_seed(9))

    def loss(network: ProposalCNN) -> float:
        said = network(patch.seen.weights, patch.seen.image, patch.seen.directions)[0, :, 2:10, 2:10]
        return float(sampler_loss(said, patch.target))

    assert loss(trained) < loss(fresh) - 0.03
