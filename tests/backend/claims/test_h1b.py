# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.base import Settings, clearly_positive, subtract
from backend.claims.h1b import CLAIM, experiment


def test_experiment(settings: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert all(len(values) == 3 for values in outcome.ours.values())
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    psnr = {arm: outcome.ours[f"{arm}: PSNR of unseen people, dB"] for arm in ("one visit", "replay", "replay + IWC")}
    gain = subtract(psnr["replay + IWC"], psnr["one visit"])
    assert outcome.ours[outcome.headline] == pytest.approx(gain)
    no_worse = np.mean(psnr["replay + IWC"]) >= np.mean(psnr["replay"])
    assert outcome.reproduced == (clearly_positive(gain) and no_worse)
    assert CLAIM.id == "H1b"
