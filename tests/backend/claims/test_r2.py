# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.base import Settings, clearly_positive
from backend.claims.r2 import CLAIM, experiment


def test_experiment(settings: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert all(len(values) == 3 for values in outcome.ours.values())
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    gain, cost = outcome.ours["gain with shrunk planes, dB"], outcome.ours["loss at full size, dB"]
    assert outcome.headline == "gain with shrunk planes, dB"
    assert outcome.ours["random rescale: shrunk by 4, dB"][1] - outcome.ours["fixed size: shrunk by 4, dB"][
        1
    ] == pytest.approx(gain[1])
    assert outcome.reproduced == (clearly_positive(gain) and np.mean(cost) < 0.5)
    assert CLAIM.id == "R2"
