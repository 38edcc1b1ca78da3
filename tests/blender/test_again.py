# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be made of a finished avatar: the same once more, another one, an asset."""

import hashlib
import json

import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import catalog, tags  # noqa: E402
from tests.integration.tiny_runner import PLAIN  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("addon")]


@pytest.fixture
def avatar(connected):
    assert bpy.ops.maquette.generate(seed=PLAIN, preset="draft") == {"FINISHED"}
    return bpy.context.object


def test_regenerate_makes_the_same_beside_it_and_replaces_nothing(avatar):
    assert bpy.ops.maquette.regenerate() == {"FINISHED"}
    first, second = bpy.context.scene.objects
    assert first == avatar and second == bpy.context.object and second[tags.JOB] != first[tags.JOB]
    assert tags.recipe_of(second)["seed"] == tags.recipe_of(first)["seed"]
    assert first.location != second.location and first.data != second.data


def test_vary_seed_makes_another(avatar):
    with pytest.raises(RuntimeError):  # the tiny runner's seed 5 has no face
        bpy.ops.maquette.vary(seed=5)
    assert bpy.ops.maquette.vary(seed=77) == {"FINISHED"}
    assert bpy.context.object.name == "Avatar 77" and tags.recipe_of(bpy.context.object)["seed"] == 77


def test_a_photograph_that_is_gone_or_another_is_told(avatar, tmp_path):
    photo = tmp_path / "photo.jpg"
    avatar[tags.RECIPE] = json.dumps({"seed": 0, "preset": "draft", "portrait": {"sha256": "0" * 64}})
    with pytest.raises(RuntimeError, match="whose place is not known"):
        bpy.ops.maquette.regenerate()
    avatar[tags.PORTRAIT] = str(photo)
    with pytest.raises(RuntimeError, match="which is not there"):
        bpy.ops.maquette.regenerate()
    photo.write_bytes(b"\xff\xd8\xff picture")
    with pytest.raises(RuntimeError, match="no longer the photograph"):
        bpy.ops.maquette.regenerate()
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    avatar[tags.RECIPE] = json.dumps({"seed": 0, "preset": "draft", "portrait": {"sha256": digest}})
    assert bpy.ops.maquette.regenerate() == {"FINISHED"}
    assert bpy.context.object[tags.PORTRAIT] == str(photo)


def test_without_a_recipe_nothing_is_offered(connected):
    assert bpy.ops.maquette.regenerate.poll() is False
    assert bpy.ops.maquette.vary.poll() is False
    assert bpy.ops.maquette.mark_asset.poll() is False


def test_an_avatar_becomes_an_asset_in_a_catalog_with_a_picture(avatar, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    avatar = bpy.context.object
    assert bpy.ops.maquette.mark_asset() == {"FINISHED"}
    assert avatar.asset_data.catalog_id == catalog.IDENTITY
    assert {"avatar", "seed"} <= {each.name for each in avatar.asset_data.tags}
    assert avatar.preview.image_size[:] == (128, 128) and max(avatar.preview.image_pixels_float[:3]) > 0
    listed = (tmp_path / catalog.FILE_NAME).read_text()
    assert catalog.ENTRY in listed
    assert bpy.ops.maquette.mark_asset.poll() is False
    # It goes whole into another file, as a drag from the asset browser does it.
    bpy.ops.wm.save_mainfile()
    name = avatar.name
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), assets_only=True) as (there, here):
        assert there.objects == [name]
        here.objects = there.objects
    (copy,) = here.objects
    picture = copy.active_material.node_tree.nodes.active.image
    assert picture.packed_file is not None and tags.recipe_of(copy)["seed"] == PLAIN


def test_a_file_saved_after_the_mark_gets_its_catalog_then(avatar, tmp_path):
    assert bpy.ops.maquette.mark_asset() == {"FINISHED"}
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "later.blend"))
    listed = tmp_path / catalog.FILE_NAME
    assert catalog.ENTRY in listed.read_text()
    listed.write_bytes(b"\xff\xfe no text")
    bpy.ops.wm.save_mainfile()  # a list that is none is left as it is
    assert listed.read_bytes() == b"\xff\xfe no text"
