# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.base import Settings, clearly_positive, subtract
from backend.claims.w5 import CLAIM, experiment


@pytest.mark.slow
def test_experiment(settings: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert all(len(values) == 3 for values in outcome.ours.values())
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    figure = "weight in front of the surface [%]"
    change = subtract(outcome.ours[f"with: {figure}"], outcome.ours[f"without: {figure}"])
    assert outcome.ours[outcome.headline] == pytest.approx(change)
    assert all(0 <= value <= 100 for arm in ("with", "without") for value in outcome.ours[f"{arm}: {figure}"])
    assert clearly_positive([-value for value in change]) or not outcome.reproduced
    assert CLAIM.id == "W5"
