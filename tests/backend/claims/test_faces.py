# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.claims import faces
from backend.claims.base import Settings
from backend.claims.faces import learn_faces


class Busts:
    """People whose faces are red and whose backs are blue."""

    def __init__(self, folder: object) -> None:
        self.random = np.random.default_rng(0)

    def __len__(self) -> int:
        return 10

    def whole(self, person: int, view: int, side: int) -> tuple[object, float, float]:
        azimuth = view * np.pi / 4
        red = 1.0 if np.cos(azimuth) > 0 else 0.0
        colour = torch.tensor([red, 0.2, 1 - red])[:, None, None].expand(3, side, side)
        noise = torch.from_numpy(self.random.normal(0, 0.1, (3, side, side))).float()
        seen = type("Seen", (), {"colour": colour + noise, "coverage": torch.ones(1, side, side)})()
        return seen, azimuth, 1.0


def test_what_tells_faces_from_backs_is_learned(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "LookSet", Busts)
    monkeypatch.setattr(faces, "sittings", lambda settings, progress: settings.cache)
    monkeypatch.setattr(faces, "_features", lambda pictures: pictures.mean((2, 3)))
    probe = learn_faces(settings, lambda stage, share: None)
    assert probe.accuracy == 1
    shown = torch.tensor([[1.0, 0.2, 0.0, 1.0], [0.0, 0.2, 1.0, 1.0], [0.9, 0.1, 0.1, 1.0]])
    assert probe.share(shown[:, :, None, None].expand(3, 4, 16, 16)) == pytest.approx(2 / 3)
