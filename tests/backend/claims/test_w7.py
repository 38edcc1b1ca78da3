# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.claims.base import ClaimError, Settings, clearly_positive, subtract
from backend.claims.heads import shipped_gan
from backend.claims.w7 import CLAIM, FIGURE, experiment
from backend.weights import library
from backend.weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan, save_sdf_gan


@pytest.fixture
def heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small generator in the place of the shipped one."""
    torch.manual_seed(0)
    path = tmp_path / "heads.safetensors"
    save_sdf_gan(TrainedSdfGan.build(SdfGanFileConfig.tiny()), path)
    monkeypatch.setattr(library, "SHIPPED", {"heads": path})
    return path


def test_experiment(settings: Settings, heads: Path) -> None:
    stages: list[float] = []
    outcome = experiment(settings, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    arms = [outcome.ours[f"{arm}: agreement of neighbours, dB"] for arm in ("native", "enlarged")]
    assert outcome.ours[FIGURE] == pytest.approx(subtract(*arms))
    assert outcome.reproduced == clearly_positive(outcome.ours[FIGURE])
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    assert CLAIM.id == "W7" and outcome.headline == FIGURE


def test_a_missing_generator_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(library, "SHIPPED", {"heads": tmp_path / "heads.safetensors"})
    with pytest.raises(ClaimError, match="heads cannot be read"):
        shipped_gan()
