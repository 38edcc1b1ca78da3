# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.claims.base import Settings, clearly_positive, subtract
from backend.claims.w2 import CLAIM, experiment, worst


def test_experiment(settings: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert all(len(values) == 3 for values in outcome.ours.values())
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    for tail in ("worst 1 %", "worst 0.1 %"):
        for mode in ("unstratified", "stratified", "robust"):
            worst, whole = outcome.ours[f"{mode}, {tail} [dB]"], outcome.ours[f"{mode}, all [dB]"]
            assert all(a < b for a, b in zip(worst, whole, strict=True))
    gain = subtract(outcome.ours["robust, worst 1 % [dB]"], outcome.ours["stratified, worst 1 % [dB]"])
    assert outcome.ours[outcome.headline] == pytest.approx(gain)
    assert clearly_positive(gain) or not outcome.reproduced
    assert CLAIM.id == "W2"


def test_worst_are_the_greatest() -> None:
    assert worst(torch.arange(200.0), 0.01).tolist() == [199, 198]
    assert worst(torch.arange(20.0), 0.001).tolist() == [19]
