# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.base import Settings, clearly_positive
from backend.claims.r5 import CLAIM, Judged, _outcome, experiment
from backend.models.embedding import JointEmbedding


def test_experiment(settings: Settings, shipped: JointEmbedding) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert all(len(values) == 3 for values in outcome.ours.values())
    change = outcome.ours["change of consistency, dB"]
    assert change[1] == pytest.approx(
        outcome.ours["with refiner: consistency, dB"][1] - outcome.ours["without refiner: consistency, dB"][1]
    )
    falls = clearly_positive(outcome.ours["fall of the Fréchet distance"])
    assert outcome.reproduced == (falls and clearly_positive([-value for value in change]))
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    assert CLAIM.id == "R5" and CLAIM.sign == -1


def test_both_sides_of_the_trade_decide() -> None:
    picture = [[np.zeros((8, 8, 3))] * 3]
    raw = [Judged(10.0 + k, 35.0) for k in range(3)]
    assert _outcome(raw, [Judged(6.0 + k, 33.0) for k in range(3)], picture).reproduced
    better = _outcome(raw, [Judged(6.0 + k, 36.0) for k in range(3)], picture)
    assert not better.reproduced and "does not clearly fall" in better.why
    worse = _outcome(raw, [Judged(12.0 + k, 33.0) for k in range(3)], picture)
    assert not worse.reproduced and "not clearly nearer" in worse.why
