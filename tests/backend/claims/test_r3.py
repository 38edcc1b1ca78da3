# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.claims.r3 import CLAIM, SCALES, _outcome, _photograph, _similarity
from backend.models.embedding import JointEmbedding
from tests.analytic import SphereField

SHOWN = [[np.zeros((4, 4, 3))] * (1 + len(SCALES))]


def test_condition_and_guidance_must_both_help() -> None:
    close = {arm: [20.0] * 3 for arm in SCALES}
    alike = dict(
        zip(SCALES, ([0.1, 0.12, 0.1], [0.6, 0.61, 0.62], [0.62, 0.63, 0.65], [0.66, 0.68, 0.69]), strict=True)
    )
    outcome = _outcome(alike, close, SHOWN)
    assert outcome.reproduced and outcome.ours[outcome.headline] == pytest.approx([0.06, 0.07, 0.07])
    outcome = _outcome(alike | {"guidance 2": [0.5] * 3, "guidance 1.3": [0.6, 0.6, 0.63]}, close, SHOWN)
    assert not outcome.reproduced and "guidance 1.3" in outcome.why and "no clear gain" in outcome.why
    assert CLAIM.id == "R3"


def test_photographs_of_an_avatar_are_lit_before_grey(shipped: JointEmbedding) -> None:
    """The ball fills the middle of the picture; the corners are grey and not covered."""
    photograph, turned = (_photograph(SphereField(0.5), pose, 64) for pose in ((0.0, 0.0), (0.6, 0.0)))
    assert photograph.shape == (1, 4, 64, 64)
    assert photograph[0, 3, 32, 32] > 0.95 and photograph[0, :3, 0, 0].tolist() == [0, 0, 0]
    assert _similarity(shipped, photograph, photograph) == pytest.approx(1, abs=1e-5)
    assert _similarity(shipped, photograph, turned) < 1 - 1e-5 and torch.isfinite(turned).all()
