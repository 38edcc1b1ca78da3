# SPDX-License-Identifier: GPL-3.0-or-later
"""The runs that H1, H1b and H2 share: the same people in sequence, the same steps, four ways to keep a decoder."""

from ..training.replay import PlanesConfig, ReplayConfig
from .base import Progress, Settings, part
from .fits import Fit, points_objective, run_fit
from .people import draw

ARMS = ("one visit", "replay", "replay + decay", "replay + IWC")
VISITS, STEPS = 8, 30
DECAY = 0.065
"""Shrinks weights over the whole run by about as much as 1e-4 does in the paper's: its 9.6 million steps at a rate of
2e-4 shrink by exp(-0.2), ours are 1,920 at a rate of 4e-3 that falls to a tenth."""
CONSOLIDATION = 1000.0
"""Omega grows with the square of the loss's scale. With ours the published 0.1 is a ten-millionth of the loss and
changes nothing; this is a few hundredths."""


def people_count(settings: Settings) -> int:
    """People of one run; the rest of the pool is unseen."""
    return settings.pick(8, 2)


def runs(settings: Settings, seed: int, progress: Progress) -> dict[str, Fit]:
    """One seed's four runs, in the order of `ARMS`; kept in the run's cache."""
    people = draw(settings, seed, people_count(settings))
    found = {}
    for k, arm in enumerate(ARMS):
        inner = part(progress, k / len(ARMS), (k + 1) / len(ARMS))
        found[arm] = run_fit(settings, arm_config(settings, arm), seed, people, inner)
    return found


def arm_config(settings: Settings, arm: str) -> ReplayConfig:
    """All arms spend `VISITS * STEPS` steps on a person."""
    visits, steps = settings.pick((VISITS, STEPS), (2, 6))
    if arm == "one visit":
        visits, steps = 1, visits * steps
    return ReplayConfig(
        planes=settings.pick(PlanesConfig(resolution=48, channels=8), PlanesConfig.tiny()),
        objective=points_objective(settings), hidden=settings.pick(64, 16),
        visits=visits, steps=steps, rescale_share=0.0, first_emphasis=1.0, decoder_rate=4e-3,
        weight_decay=DECAY if arm == "replay + decay" else 0.0,
        consolidation=CONSOLIDATION if arm == "replay + IWC" else 0.0,
        judge_every=settings.pick(2, 1),
    )  # fmt: skip
