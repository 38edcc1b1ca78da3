# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.evaluation import baked
from backend.evaluation.runs import Setting
from backend.synthesis.base import Condition, Sample
from backend.synthesis.source import Source
from tests.analytic import SphereField


class Ball:
    """A generator of one ball."""

    name, model_hash = "ball", "0123456789abcdef"

    def synthesize(self, condition: Condition):
        yield from ()
        source = Source(np.zeros((2, 3, 9), np.float16), np.ones(5, np.float16), self.model_hash)
        return Sample(SphereField(0.6), source, ())


class Studio(Setting):
    """The real setting but for its generator."""

    def generator(self) -> Ball:  # type: ignore[override]
        return Ball()


def test_figures_and_pictures_of_one_avatar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renderer that is right to the pixel, but for a shift of one pixel in its last view."""
    monkeypatch.setattr(baked, "SIZE", 48)
    exact = baked.field_views(SphereField(0.6))
    shifted = np.concatenate([exact[:-1], np.roll(exact[-1:], 1, 2)])
    monkeypatch.setattr(baked, "blender_views", lambda field, numbers, blender: shifted)
    record = baked.baked(Studio(pack=tmp_path, truths=tmp_path, out=tmp_path), 3)
    assert record["seed"] == 3 and record["psnr"] > 60 > 35 > record["psnr_least"] > 15
    assert record["psnr_ragged"] == record["psnr"], "a field without planes is smoothed by nothing"
    assert 0.97 < record["mask_iou"] < 1
    sheet = np.asarray(Image.open(tmp_path / "baked_3.png"))
    assert sheet.shape == (3 * 48, 4 * 48, 3)
    assert not sheet[96:, :144].any() and sheet[96:, 144:].max() == 255
