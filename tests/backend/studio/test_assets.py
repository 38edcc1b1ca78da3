# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest

from backend.studio.assets import BODY_VERTICES, Pack, PackError


def test_base_mesh_and_sliders(pack: Pack) -> None:
    assert pack.base.quads.shape == (59 * 223, 4) and pack.base.quads.max() < BODY_VERTICES
    assert ("nose", "nose-scale-horiz:decr", "nose/nose-scale-horiz-decr", "nose/nose-scale-horiz-incr") in pack.sliders
    assert ("head", "head-round", None, "head/head-round") in pack.sliders


def test_targets_are_sparse_displacements_and_absent_ones_move_nothing(pack: Pack) -> None:
    index, displacement = pack.target("nose/nose-scale-horiz-incr")
    assert len(index) > 0 and np.allclose(displacement, [0.1, 0, 0])
    assert len(pack.target("nose/none")[0]) == 0 and not pack.has_target("nose/none")


def test_garment_binding(pack: Pack) -> None:
    garment = pack.garment("clothes", "male_suit")
    base = pack.base.vertices
    fitted = garment.fit(base)
    np.testing.assert_allclose(fitted[0], base[garment.bound[0, 0]] + [0, 0.1, 0.1], atol=1e-5)
    np.testing.assert_allclose(fitted[3], base[garment.bound[3, 0]], atol=1e-6)
    assert garment.hides.tolist() == [10, 11, 12, 20] and garment.texture.name == "male_suit.png"
    assert garment.surface.triangles.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_what_is_missing_is_said(pack: Pack, tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"base\.obj"):
        Pack(tmp_path)
    with pytest.raises(PackError, match="nobody"):
        pack.garment("hair", "nobody")
    with pytest.raises(PackError, match="no picture"):
        pack.texture("skins", "green")
