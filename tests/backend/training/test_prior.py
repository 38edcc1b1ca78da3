# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.models.embedding import normalised
from backend.models.prior import PriorConfig
from backend.training.engine import EngineConfig, train
from backend.training.prior import PriorStage, PriorTraining, joined, load_prior

CONFIG = PriorTraining(batch=64, held_out=8)


def two_kinds() -> tuple[torch.Tensor, torch.Tensor]:
    """People of two kinds that lie apart, and sentences that say which."""
    random = torch.Generator().manual_seed(0)
    centres = normalised(torch.randn(2, 1, 32, generator=random))
    kind = torch.arange(48) % 2
    z = normalised(centres[kind] + 0.4 * torch.randn(48, 3, 32, generator=random))
    components = torch.where(kind[:, None, None] == 1, 1.0, -1.0) + 0.2 * torch.randn(48, 3, 4, generator=random)
    return torch.cat([z, components], 2), centres[kind].expand(48, 2, 32)


def test_a_trained_prior_draws_whom_the_sentence_fits(tmp_path: Path) -> None:
    people, text = two_kinds()
    stage = PriorStage(people, text, PriorConfig.tiny(), CONFIG)
    engine = EngineConfig(steps=100, learning_rate=4e-3, warm_up=10, average=0.95, save_every=100, sheet_every=0)
    prior = load_prior(train(stage, engine, tmp_path))
    asked = text[:2, 0].repeat(16, 1)
    drawn = prior.sample(torch.randn(32, 36, generator=torch.Generator().manual_seed(1)), asked)
    assert (drawn.z @ text[:2, 0].T).argmax(1).tolist() == [0, 1] * 16
    assert (drawn.components.mean(1) > 0).tolist() == [False, True] * 16
    free = prior.sample(torch.randn(64, 36, generator=torch.Generator().manual_seed(2)))
    share = (free.z @ text[:2, 0].T).argmax(1).float().mean()
    assert 0.2 < share < 0.8  # both kinds come up
    scores = stage.scores(prior)
    assert scores["sentence_drawn"] > 0.7
    assert scores["pairwise_drawn"] == pytest.approx(scores["pairwise_people"], rel=0.6)


def test_losses_repeat_with_the_same_draw() -> None:
    stage = PriorStage(*two_kinds(), PriorConfig.tiny(), CONFIG)
    first, second = (stage.losses(torch.Generator().manual_seed(3))["velocity"] for _ in range(2))
    assert torch.equal(first, second) and first.isfinite()


def test_photographs_go_with_the_components_of_whom_they_show() -> None:
    z, components = torch.randn(3, 5, 8), torch.arange(12.0).view(6, 2)
    people = joined(z, components, plain=2)
    torch.testing.assert_close(people[..., :8], z)
    mirrored = torch.tensor([False, False, False, True, False])  # two plain ones, then every second one
    assert torch.equal(people[..., 8:], torch.where(mirrored[:, None], components[3:, None], components[:3, None]))
