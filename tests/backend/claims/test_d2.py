# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.claims import d2
from backend.claims.base import Settings, subtract
from backend.claims.d2 import CLAIM, experiment


def upper_half(pictures: torch.Tensor) -> torch.Tensor:
    """Hair is whatever is in the upper half."""
    mask = torch.zeros_like(pictures[:, :1])
    mask[:, :, : mask.shape[2] // 2] = 1
    return mask


@pytest.mark.slow
def test_experiment(styled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(d2, "hair_region", upper_half)
    stages: list[float] = []
    outcome = experiment(styled, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[-1] <= 1
    assert all(len(values) == 3 for values in outcome.ours.values())
    outside = [outcome.ours[f"{arm}: PSNR outside the hair [dB]"] for arm in ("with", "without")]
    assert outcome.ours[outcome.headline] == pytest.approx(subtract(*outside))
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    assert CLAIM.id == "D2"
