# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.base import Settings, clearly_positive, subtract
from backend.claims.w4 import CLAIM, FIGURES, experiment


@pytest.mark.slow
def test_experiment(settings: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert all(len(values) == 3 for values in outcome.ours.values())
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    for figure in FIGURES:
        for arm in ("with", "without"):
            assert min(outcome.ours[f"{arm}: {figure}"]) >= 0
    error = "error with 16 samples [1/1000]"
    change = subtract(outcome.ours[f"with: {error}"], outcome.ours[f"without: {error}"])
    assert outcome.ours[outcome.headline] == pytest.approx(change)
    assert clearly_positive([-value for value in change]) or not outcome.reproduced
    assert CLAIM.id == "W4"
