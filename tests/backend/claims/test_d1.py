# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.base import Settings, subtract
from backend.claims.d1 import CLAIM, experiment
from backend.models.embedding import JointEmbedding


@pytest.mark.slow
def test_experiment(styled: Settings, shipped: JointEmbedding) -> None:
    stages: list[float] = []
    outcome = experiment(styled, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[-1] <= 1
    assert all(len(values) == 3 for values in outcome.ours.values())
    ratios = [outcome.ours[f"{arm}: E[dT'/dT]"] for arm in ("with", "without")]
    assert outcome.ours[outcome.headline] == pytest.approx(subtract(*ratios))
    assert all(value != 1 for arm in ratios for value in arm)  # something was learned
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    assert CLAIM.id == "D1"
