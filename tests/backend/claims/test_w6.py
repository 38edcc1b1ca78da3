# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.claims.base import Settings
from backend.claims.w6 import CLAIM, FREE, FULL, NONE, Judged, _outcome, experiment
from backend.models.embedding import JointEmbedding
from backend.weights import library
from backend.weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan, save_sdf_gan
from tests.backend.training.gan_balls import write_shard


def test_experiment(
    settings: Settings, shipped: JointEmbedding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    save_sdf_gan(TrainedSdfGan.build(SdfGanFileConfig.tiny()), tmp_path / "heads.safetensors")
    monkeypatch.setattr(library, "SHIPPED", {"heads": tmp_path / "heads.safetensors"})
    write_shard(tmp_path / "shards")
    stages: list[float] = []
    outcome = experiment(replace(settings, cache=tmp_path), lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[0] >= 0 and stages[-1] <= 1
    assert len(outcome.ours) == 8 and all(len(values) == 3 for values in outcome.ours.values())
    distances = [outcome.ours[f"{arm}: distance of normals"] for arm in (FULL, NONE)]
    assert outcome.ours[outcome.headline] == pytest.approx([b - a for a, b in zip(*distances, strict=True)])
    assert max(map(max, distances)) > 0  # the arms have moved away from the start
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    assert CLAIM.id == "W6"


def test_both_parts_must_matter() -> None:
    picture = np.zeros((8, 16, 3))

    def arm(level: float) -> list[Judged]:
        return [Judged(1.0, level + 0.01 * k, picture) for k in range(3)]

    assert _outcome({FULL: arm(1.0), FREE: arm(1.3), NONE: arm(2.0)}).reproduced
    half = _outcome({FULL: arm(1.0), FREE: arm(0.9), NONE: arm(2.0)})
    assert not half.reproduced and FREE in half.why and f"worse: {NONE}" not in half.why
