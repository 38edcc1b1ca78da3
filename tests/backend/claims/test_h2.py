# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.base import Settings, clearly_positive, subtract
from backend.claims.h2 import CLAIM, experiment


def test_experiment(settings: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert all(len(values) == 3 for values in outcome.ours.values())
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    shares = {arm: outcome.ours[f"{arm}: share above half Nyquist"] for arm in ("replay", "replay + IWC")}
    assert all(0 < value < 1 for values in shares.values() for value in values)
    relative = [100 * (b - a) / a for a, b in zip(shares["replay"], shares["replay + IWC"], strict=True)]
    assert outcome.ours[outcome.headline] == pytest.approx(relative)
    assert outcome.reproduced == clearly_positive(subtract(shares["replay"], shares["replay + IWC"]))
    assert len(outcome.pictures) == 2 and CLAIM.id == "H2" and CLAIM.sign == -1
