# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.claims.base import Settings
from backend.claims.r4 import ARMS, CLAIM, RandomFeatures, _outcome, experiment
from backend.models.embedding import JointEmbedding

PICTURES = {"truth": np.zeros((4, 4, 3))}


def test_experiment(settings: Settings, shipped: JointEmbedding) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert len(outcome.ours) == 7 and all(len(values) == 3 for values in outcome.ours.values())
    assert outcome.headline == "error of features, lower by %" and CLAIM.id == "R4"
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())


def test_a_gain_must_be_clear() -> None:
    planes, likeness = ({arm: [1.0] * 3 for arm in ARMS} for _ in range(2))
    better = {"planes alone": [0.4, 0.5, 0.6], "planes and pictures": [0.2, 0.25, 0.3]}
    outcome = _outcome(better, planes, likeness, PICTURES)
    assert outcome.reproduced and outcome.ours[outcome.headline] == pytest.approx([50] * 3)
    worse = {"planes alone": [0.4, 0.5, 0.6], "planes and pictures": [0.5, 0.5, 0.5]}
    assert not _outcome(worse, planes, likeness, PICTURES).reproduced


def test_random_features_are_the_same_each_time_and_pass_gradients_on() -> None:
    picture = torch.rand(1, 3, 16, 16, requires_grad=True)
    first, second = RandomFeatures()(picture), RandomFeatures()(picture)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True)) and len(first) == 3
    sum(each.sum() for each in first).backward()
    assert picture.grad.abs().sum() > 0
