# SPDX-License-Identifier: GPL-3.0-or-later
import io

import numpy as np
import pytest
from PIL import Image

from blender_addon.scene import png


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (300, 7), (256, 512)])
def test_another_program_reads_the_same_texels(shape: tuple[int, int]) -> None:
    texels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    texels.flags.writeable = False
    read = Image.open(io.BytesIO(png.encode_now(texels)))
    assert read.format == "PNG" and read.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(read), texels)


def test_the_work_comes_in_slices_of_the_same_size() -> None:
    texels = np.zeros((1024, 1024, 3), dtype=np.uint8)
    assert sum(1 for _ in png.encode(texels)) == 1024 * 1024 // png.SLICE_PIXELS
    assert sum(1 for _ in png.encode(texels[:3, :5])) == 1


def test_smooth_texels_become_small() -> None:
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, 256, 3))
    assert len(png.encode_now(ramp)) < ramp.size / 50
