# SPDX-License-Identifier: GPL-3.0-or-later
"""A claim whose experiment takes no time: the mean of as many uniform numbers as the size says."""

import numpy as np

from backend.claims.base import Claim, Outcome, Progress, Settings, clearly_positive

CLAIM = Claim(
    id="T1", title="Uniform numbers are positive", source="Nobody, 2026.", published="a mean of 0.5", size=0.5,
    unit="", expected="a positive mean in every seed",
)  # fmt: skip
RUNS: list[int] = []
"""One entry for each experiment that was really run."""


def experiment(settings: Settings, progress: Progress) -> Outcome:
    RUNS.append(len(settings.seeds))
    means = []
    for k, seed in enumerate(settings.seeds):
        progress("drawing", k / len(settings.seeds))
        means.append(float(np.random.default_rng(seed).random(settings.pick(100, 10)).mean()))
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], (32, 1, 3))
    reproduced = clearly_positive(means)
    return Outcome(
        ours={"mean": means, "half of it": [m / 2 for m in means]}, headline="mean", reproduced=reproduced,
        why=f"The mean is {np.mean(means):.2f}.", pictures={"a ramp": ramp},
    )  # fmt: skip
