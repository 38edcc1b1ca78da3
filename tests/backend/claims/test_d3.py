# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.claims.base import Settings, subtract
from backend.claims.d3 import CLAIM, experiment, look_score


@pytest.mark.slow
def test_experiment(styled: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(styled, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[-1] <= 1
    scores = [outcome.ours[f"{arm}: log-probability of the look [nats]"] for arm in ("with", "without")]
    assert outcome.ours[outcome.headline] == pytest.approx(subtract(*scores))
    assert all(value < 0 for arm in scores for value in arm)
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    assert CLAIM.id == "D3"


def test_scores_are_probabilities_of_what_the_sentence_names(styled: Settings) -> None:
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    prompts = ("a robot", "a zombie", "a golden bust")
    assert len({look_score(pictures, prompt) for prompt in prompts}) == 3
    assert sum(np.exp(look_score(pictures[:1], prompt)) for prompt in prompts) < 1
