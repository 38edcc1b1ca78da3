# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import image, tags  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]


def test_texels_round_trip_through_blender(albedo):
    block = image.new_image("one", "albedo", 8)
    image.show_file(block, image.packed(albedo, level=0))
    np.testing.assert_array_equal(image.read_image(block), albedo)
    assert block.colorspace_settings.name == "sRGB" and not block.is_float
    assert tags.find_image("one") == block and block[tags.LEVEL] == 0


def test_the_first_row_is_the_top_of_the_picture():
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    picture[0] = (255, 0, 0)
    block = image.new_image("one", "albedo", 4)
    image.show_file(block, image.packed(picture, level=0))
    assert tuple(block.pixels[:3]) == (0, 0, 0)
    assert tuple(block.pixels[-4:]) == (1, 0, 0, 1)


def test_a_sharper_level_takes_the_same_image_and_is_packed(albedo):
    block = image.new_image("one", "albedo", 4)
    image.show_file(block, image.packed(albedo[:4, :4], level=0))
    image.show_file(block, image.packed(albedo, level=1))
    assert tuple(block.size) == (8, 8) and block[tags.LEVEL] == 1
    np.testing.assert_array_equal(image.read_image(block), albedo)
    assert block.packed_file is not None


def test_packed_texels_survive_saving_and_loading(albedo, tmp_path):
    block = image.new_image("one", "albedo", 4)
    image.show_file(block, image.packed(albedo[:4, :4], level=0))
    image.show_file(block, image.packed(albedo, level=1))
    block.use_fake_user = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    np.testing.assert_array_equal(image.read_image(tags.find_image("one")), albedo)
