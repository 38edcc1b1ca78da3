# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.base import Settings
from backend.claims.h5 import ARMS, CLAIM, _outcome, experiment
from backend.models.embedding import JointEmbedding

PICTURES = {"truth": np.zeros((4, 4, 3))}


def test_experiment(settings: Settings, shipped: JointEmbedding) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert len(outcome.ours) == 9 and all(len(values) == 3 for values in outcome.ours.values())
    assert outcome.headline == "base: distance between crowds, lower by %" and CLAIM.id == "H5"
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())


def test_both_networks_must_gain() -> None:
    distance = {arm: [8.0, 9.0, 10.0] if "linear" in arm else [6.0, 6.8, 7.4] for arm in ARMS}
    error = {arm: [0.3, 0.31, 0.33] if "linear" in arm else [0.2, 0.2, 0.2] for arm in ARMS}
    outcome = _outcome(distance, error, PICTURES)
    assert outcome.reproduced and outcome.ours[outcome.headline][0] == pytest.approx(25)
    error["upsampler, strong"] = [0.3, 0.32, 0.32]
    outcome = _outcome(distance, error, PICTURES)
    assert not outcome.reproduced and "upsampler's error is not clearly lower" in outcome.why
