# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.evaluation import hair


def test_the_region_reaches_beyond_the_hair(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 20:30, 20:30] = 1
    monkeypatch.setattr(hair, "hair_mask", lambda pictures: mask)
    region = hair.hair_region(torch.zeros(1, 3, 64, 64))
    assert region[..., 18:32, 18:32].min() == 1 and region.sum() == 14 * 14
