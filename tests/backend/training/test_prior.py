# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import torch

from backend.models.embedding import normalised
from backend.models.prior import PriorConfig
from backend.training.encoded import EncodedPeople
from backend.training.engine import EngineConfig, train
from backend.training.prior import PriorStage, PriorTraining, load_prior

CONFIG = PriorTraining(batch=64, held_out=8)


def two_kinds() -> EncodedPeople:
    """People of two kinds that lie apart, and sentences that say which."""
    random = torch.Generator().manual_seed(0)
    centres = normalised(torch.randn(2, 1, 32, generator=random))
    kind = torch.arange(48) % 2
    image = normalised(centres[kind] + 0.4 * torch.randn(48, 3, 32, generator=random))
    return EncodedPeople(image, centres[kind].expand(48, 2, 32))


def test_a_trained_prior_draws_whom_the_sentence_fits(tmp_path: Path) -> None:
    people = two_kinds()
    stage = PriorStage(people, PriorConfig.tiny(), CONFIG)
    engine = EngineConfig(steps=100, learning_rate=4e-3, warm_up=10, average=0.95, save_every=100, sheet_every=0)
    prior = load_prior(train(stage, engine, tmp_path))
    asked = people.text[:2, 0].repeat(16, 1)
    drawn = prior.sample(torch.randn(32, 32, generator=torch.Generator().manual_seed(1)), asked)
    likeness = drawn @ people.text[:2, 0].T / 32
    assert likeness.argmax(1).tolist() == [0, 1] * 16
    free = prior.sample(torch.randn(64, 32, generator=torch.Generator().manual_seed(2)))
    share = (free @ people.text[:2, 0].T).argmax(1).float().mean()
    assert 0.2 < share < 0.8  # both kinds come up
    scores = stage.scores(prior)
    assert scores["sentence_drawn"] > 0.7 and abs(scores["pairwise_drawn"] - scores["pairwise_people"]) < 0.25


def test_losses_repeat_with_the_same_draw() -> None:
    stage = PriorStage(two_kinds(), PriorConfig.tiny(), CONFIG)
    first, second = (stage.losses(torch.Generator().manual_seed(3))["velocity"] for _ in range(2))
    assert torch.equal(first, second) and first.isfinite()
