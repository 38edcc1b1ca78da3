# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.base import Settings
from backend.claims.r1 import CLAIM, _outcome, experiment
from backend.models.embedding import JointEmbedding

PICTURES = {"truth": np.zeros((4, 4, 3))}


def test_experiment(settings: Settings, shipped: JointEmbedding) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert len(outcome.ours) == 8 and all(len(values) == 3 for values in outcome.ours.values())
    assert outcome.headline == "3D-aware below roll-out, %" and CLAIM.id == "R1"
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())


def test_both_steps_must_be_clear() -> None:
    falling = {"3D-aware": [0.10, 0.11, 0.12], "roll-out": [0.20, 0.22, 0.24], "concatenation": [0.4, 0.41, 0.43]}
    seen = {arm: [0.1] * 3 for arm in falling}
    outcome = _outcome(falling, seen, PICTURES)
    assert outcome.reproduced and outcome.ours[outcome.headline] == pytest.approx([50] * 3)
    outcome = _outcome(falling | {"concatenation": [0.19, 0.21, 0.26]}, seen, PICTURES)
    assert not outcome.reproduced and "not clearly below concatenation" in outcome.why
