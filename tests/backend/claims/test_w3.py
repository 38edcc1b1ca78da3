# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.claims.base import Settings, clearly_positive, subtract
from backend.claims.w3 import CLAIM, depth_edges, experiment


def test_experiment(settings: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert all(len(values) == 3 for values in outcome.ours.values())
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    spent = subtract(outcome.ours["adaptive, questions a pixel"], outcome.ours["flat, questions a pixel"])
    assert max(abs(difference) for difference in spent) < 0.5
    gain = subtract(outcome.ours["adaptive, depth edges [dB]"], outcome.ours["flat, depth edges [dB]"])
    assert outcome.ours[outcome.headline] == pytest.approx(gain)
    assert clearly_positive(gain) or not outcome.reproduced
    assert CLAIM.id == "W3"


def test_depth_edges_are_where_depth_jumps() -> None:
    depth = torch.full((5, 6), 4.0)
    depth[:, 3:] = 4.01
    depth[:, 5:] = 0
    edges = depth_edges(depth)
    assert edges[:, 4:].all() and not edges[:, :4].any()
