# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.base import Settings
from backend.claims.forgetting import ARMS, arm_config
from backend.claims.h1 import CLAIM, _judge, experiment


def test_all_arms_spend_the_same_steps(settings: Settings) -> None:
    for size in (settings, Settings(pack=settings.pack, cache=settings.cache)):
        configs = {arm: arm_config(size, arm) for arm in ARMS}
        assert len({config.visits * config.steps for config in configs.values()}) == 1
        assert configs["one visit"].visits == 1 < configs["replay"].visits
        assert configs["replay"].consolidation == 0 < configs["replay + IWC"].consolidation
        assert configs["replay + decay"].weight_decay > 0 == configs["replay + IWC"].weight_decay


def test_experiment(settings: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    for arm in ARMS:
        # The last person's last fit is followed by nobody's, the first one's by the others'.
        assert len(outcome.ours[f"{arm}: change since the last fit, dB"]) == 3
    (sheet,) = outcome.pictures.values()
    assert sheet.ndim == 3 and sheet.dtype == np.uint8
    assert CLAIM.id == "H1" and outcome.why


@pytest.mark.parametrize(
    ("once", "replay", "iwc", "reproduced", "reason"),
    [
        (-5.0, -0.3, -0.1, True, "Change in dB"),
        (-5.0, -0.1, -0.2, False, "Consolidation takes -0.10"),
        (-0.3, -0.3, -0.1, False, "does not clearly lose less"),
        (-5.0, -1.3, -1.1, False, "more than 0.3 dB are lost"),
    ],
)
def test_verdict(once: float, replay: float, iwc: float, reproduced: bool, reason: str) -> None:
    three = lambda value: [value - 0.01, value, value + 0.02]  # noqa: E731
    change = {"one visit": three(once), "replay": three(replay), "replay + decay": three(replay)}
    change["replay + IWC"] = three(iwc)
    verdict, why = _judge(change, [27.0] * 3, [24.0] * 3)
    assert verdict is reproduced and reason in why and "3.0 dB above replay" in why


def test_a_difference_within_the_noise_is_none() -> None:
    change = {arm: [-0.1, 0.0, 0.1] for arm in ("replay", "replay + decay")}
    change |= {"one visit": [-5.0, -5.1, -5.2], "replay + IWC": [0.0, -0.1, 0.0]}
    verdict, why = _judge(change, [27.0] * 3, [24.0] * 3)
    assert verdict and "no clear difference" in why
