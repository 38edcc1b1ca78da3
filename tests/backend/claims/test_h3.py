# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.base import Settings, clearly_positive, subtract
from backend.claims.h3 import CLAIM, experiment


def test_experiment(settings: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert all(len(values) == 3 for values in outcome.ours.values())
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    gain = subtract(outcome.ours["32 channels, with noise, dB"], outcome.ours["8 channels, with noise, dB"])
    assert outcome.ours[outcome.headline] == pytest.approx(gain)
    assert outcome.reproduced == clearly_positive(gain)
    assert CLAIM.id == "H3"
