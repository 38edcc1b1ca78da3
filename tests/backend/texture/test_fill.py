# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.texture.fill import GUTTER, fill


@pytest.mark.parametrize("size", [64, 1024])
def test_colours_grow_by_the_gutter(size: int) -> None:
    coverage = np.zeros((size, size), bool)
    coverage[size // 4 : size // 2, size // 4 : size // 2] = True
    image = np.zeros((size, size, 3), np.uint8)
    image[coverage] = (10, 200, 30)
    image[size // 4 : size // 2, size // 4] = (250, 0, 0)
    out = fill(image, coverage)
    gutter = max(2, round(GUTTER * size))
    assert np.array_equal(out[coverage], image[coverage])
    assert (out[size // 3, size // 4 - gutter : size // 4] == (250, 0, 0)).all()
    assert (out[size // 3, size // 2 : size // 2 + gutter] == (10, 200, 30)).all()


def test_far_texels_take_the_mean() -> None:
    coverage = np.zeros((64, 64), bool)
    coverage[:2] = True
    image = np.where(coverage[..., None], np.uint8(100), np.uint8(0)) * np.ones(3, np.uint8)
    assert (fill(image, coverage)[-1] == 100).all()


def test_nothing_covered_stays_as_it_is() -> None:
    image = np.full((8, 8, 3), 7, np.uint8)
    assert np.array_equal(fill(image, np.zeros((8, 8), bool)), image)
