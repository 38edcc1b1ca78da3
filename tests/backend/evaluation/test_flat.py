# SPDX-License-Identifier: GPL-3.0-or-later
import sys

import numpy as np
import pytest

from backend.evaluation import baked, metrics
from backend.evaluation.flat import BlenderError, flat_views
from backend.geometry.cameras import orbit
from backend.pipeline.presets import Preset
from tests.analytic import SphereField


def test_a_blender_that_fails_is_said_to_have() -> None:
    with pytest.raises(BlenderError, match="ended with status 1 before all views") as raised:
        flat_views(b"", [orbit(0.0)], 16, (sys.executable, "-c", "raise SystemExit('no such file')"))
    assert "no such file" in raised.value.hint


def test_a_program_that_is_not_there_is_said_to_be_missing() -> None:
    with pytest.raises(BlenderError, match="did not come to an end"):
        flat_views(b"", [orbit(0.0)], 16, ("/no/such/program",))


@pytest.mark.blender
def test_blender_shows_the_fields_colours_where_the_field_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bpy")
    monkeypatch.setattr(baked, "SIZE", 96)
    field = SphereField(0.6)
    numbers = Preset(steps=1, resolution=64, faces=4000, texture_size=256)
    ours, theirs = baked.field_views(field), baked.blender_views(field, numbers)
    assert theirs.shape == (4, 96, 96, 4)
    for one, two in zip(baked.over_white(ours), baked.over_white(theirs), strict=True):
        assert metrics.psnr(one, two) > 35
    inside = (ours[..., 3] > 0.99) & (theirs[..., 3] > 0.99)
    assert np.abs(ours[inside] - theirs[inside])[:, :3].mean() < 0.01, "no colour space is applied twice or not at all"
