# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.claims.base import Settings
from backend.claims.generation import gather
from backend.claims.h6 import ARMS, CLAIM, _outcome, experiment, look
from backend.models.embedding import JointEmbedding

PICTURES = {"truth": np.zeros((4, 4, 3))}


def test_experiment(settings: Settings, shipped: JointEmbedding) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert len(outcome.ours) == 7 and all(len(values) == 3 for values in outcome.ours.values())
    assert outcome.headline == "several scales below one vector, %" and CLAIM.id == "H6"
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())


def test_both_steps_must_be_clear() -> None:
    likeness = {arm: [20.0] * 3 for arm in ARMS}
    error = dict(zip(ARMS, ([0.2, 0.21, 0.22], [0.3, 0.3, 0.32], [0.4, 0.42, 0.44]), strict=True))
    outcome = _outcome(error, likeness, PICTURES)
    assert outcome.reproduced and outcome.ours[outcome.headline] == pytest.approx([50] * 3)
    outcome = _outcome(error | {"several scales": [0.3, 0.31, 0.31]}, likeness, PICTURES)
    assert not outcome.reproduced and "not clearly better than one" in outcome.why


def test_arms_are_told_what_their_name_says(settings: Settings, shipped: JointEmbedding) -> None:
    seen, rows = look(gather(settings, lambda stage, share: None)), torch.arange(2)
    assert [scale.shape[2] for scale in seen.scales] == [8, 4, 2]
    several, one, vector = (seen.condition(arm, rows) for arm in ARMS)
    assert [scale.shape[2] for scale in several.features] == [8, 4, 2] and several.z is None
    assert [scale.shape[2] for scale in one.features] == [2, 2, 2]
    assert not vector.features and vector.z.shape == (2, 32)
