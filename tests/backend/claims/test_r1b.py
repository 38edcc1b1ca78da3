# SPDX-License-Identifier: GPL-3.0-or-later
from backend.claims.base import Settings
from backend.claims.r1b import CLAIM, experiment


def test_experiment(settings: Settings) -> None:
    outcome = experiment(settings, lambda stage, share: None)
    assert outcome.reproduced and CLAIM.id == "R1b"
    assert outcome.ours["response on xz, plain"] == [0, 0, 0] and min(outcome.ours[outcome.headline]) > 0.05
