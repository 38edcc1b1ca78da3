# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.claims import d6, faces
from backend.claims.base import Settings, subtract
from backend.claims.d6 import CLAIM, experiment
from backend.claims.faces import FaceProbe


def reds(settings: Settings, progress: object) -> FaceProbe:
    """A face is what is redder than it is wide."""
    zero = torch.zeros(2)
    return FaceProbe(torch.tensor([1.0, -1.0]), torch.tensor(0.0), zero, zero + 1, 1.0)


@pytest.mark.slow
def test_experiment(styled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(d6, "learn_faces", reds)
    monkeypatch.setattr(faces, "_features", lambda pictures: pictures[:, [0, 3]].mean((2, 3)))
    stages: list[float] = []
    outcome = experiment(styled, lambda stage, share: stages.append(share))
    assert stages == sorted(stages) and stages[-1] <= 1
    behind = [outcome.ours[f"from {name}: faces from behind [%]"] for name in ("generator", "nothing")]
    assert outcome.ours[outcome.headline] == pytest.approx(subtract(*behind))
    assert all(0 <= value <= 100 for arm in behind for value in arm)
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in outcome.pictures.values())
    assert CLAIM.id == "D6"
