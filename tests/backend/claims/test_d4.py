# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.claims.base import Settings, subtract
from backend.claims.d4 import CLAIM, experiment, roughness
from tests.backend.adaptation.worlds import small_generator


@pytest.mark.slow
def test_experiment(styled: Settings) -> None:
    stages: list[float] = []
    outcome = experiment(styled, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[-1] <= 1
    shares = [outcome.ours[f"{arm}: share of high frequencies"] for arm in ("with", "without")]
    assert outcome.ours[outcome.headline] == pytest.approx(subtract(*shares))
    assert all(0 < value < 1 for arm in shares for value in arm)
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    assert CLAIM.id == "D4"


def test_dents_bend_normals_more_than_a_ball_does() -> None:
    generator = small_generator()
    styles = generator.styles(generator.latents(1, torch.Generator().manual_seed(0)), 0.8)
    angles = []
    for dents in (0.0, 1.0):
        generator.network.heads.first.weight.data[:, 3:] *= dents  # all but the place itself
        picture, angle = roughness(generator, styles, 48)
        assert picture.shape == (48, 48, 3)
        angles.append(angle)
        generator = small_generator()
    assert 0 < angles[0] < 0.8 * angles[1]
