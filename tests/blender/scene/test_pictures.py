# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene.pictures import Pictures  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]


def test_pictures_come_change_and_go(tmp_path):
    pictures = Pictures()
    for size in ((8, 8), (16, 4)):
        pictures.show("job", np.full((*size, 3), 90, dtype=np.uint8))
    pictures.forget("job")
    pictures.forget("job")
    assert pictures.load(str(tmp_path / "absent.png")) == 0
    pictures.close()
