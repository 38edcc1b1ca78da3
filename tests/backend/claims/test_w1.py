# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.base import Settings, clearly_positive, subtract
from backend.claims.w1 import CLAIM, experiment


@pytest.mark.slow
def test_experiment(settings: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert all(len(values) == 3 for values in outcome.ours.values())
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    learned, two = (outcome.ours[f"{name} [dB]"] for name in ("learned, 12 + 8", "two passes, 20"))
    assert outcome.ours[outcome.headline] == pytest.approx(subtract(learned, two))
    close = all(difference >= -0.5 for difference in outcome.ours["learned at 20 over two passes at 96 [dB]"])
    assert outcome.reproduced == (close and clearly_positive(outcome.ours[outcome.headline]))
    assert min(outcome.ours["march by the distance [dB]"]) > 45
    assert max(outcome.ours["questions a pixel of the march"]) < 12
    assert max(outcome.ours["questions a pixel of the learned sampler at 20"]) < 20
    assert CLAIM.id == "W1"
