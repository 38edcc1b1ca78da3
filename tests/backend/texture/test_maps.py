# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.texture.maps import TextureSet


def test_size_is_the_side() -> None:
    assert TextureSet(np.zeros((32, 32, 3), np.uint8), np.ones((32, 32), bool), 0).size == 32
