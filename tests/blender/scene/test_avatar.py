# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.protocol import MeshReady  # noqa: E402
from blender_addon.scene import avatar, image, tags  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]

RECIPE = {"seed": 7, "preset": "draft", "portrait": None}


@pytest.fixture
def shape(quad) -> MeshReady:
    return MeshReady("one", *quad)


@pytest.fixture
def texture(albedo) -> image.Packed:
    return image.packed(albedo, level=1)


def test_the_shape_comes_first_and_the_texture_sharpens_in_place(shape, texture, albedo):
    scene = bpy.context.scene
    assert avatar.show(scene, "one", "Avatar", shape)
    made = tags.find_object("one")
    assert image.read_image(tags.find_image("one"))[0, 0].tolist() == list(avatar.UNPAINTED)
    assert not avatar.show(scene, "one", "Avatar", shape, texture)
    assert not avatar.show(scene, "one", "Avatar", shape, texture, RECIPE)
    assert tags.find_object("one") == made
    assert len(bpy.data.objects) == len(bpy.data.images) == len(bpy.data.materials) == 1
    np.testing.assert_array_equal(image.read_image(tags.find_image("one")), albedo)
    assert tags.recipe_of(made) == tags.recipe_of(tags.find_image("one")) == RECIPE


def test_the_last_texture_brings_its_maps_once(shape, albedo):
    scene = bpy.context.scene
    plain = image.packed(albedo, level=2)
    finished = image.Packed(2, plain.content, {"normal": plain.content, "surface": plain.content})
    avatar.show(scene, "one", "Avatar", shape, image.packed(albedo, level=1))
    for _ in range(2):
        avatar.show(scene, "one", "Avatar", shape, finished)
        assert len(bpy.data.images) == 3 and len(bpy.data.materials) == 1
    assert tags.find_map("one", "normal").packed_file is not None
    (dress,) = bpy.data.materials
    shader = next(node for node in dress.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    assert shader.inputs["Normal"].is_linked and shader.inputs["Roughness"].is_linked
    bpy.data.images.remove(tags.find_map("one", "normal"))
    bpy.data.materials.remove(dress)
    avatar.show(scene, "one", "Avatar", shape, finished)  # the user's wish: nothing to dress


def test_the_source_is_kept_apart_from_the_recipe(shape, texture):
    avatar.show(bpy.context.scene, "one", "Avatar", shape, texture, RECIPE | {"source": "A" * 100_000})
    made = tags.find_object("one")
    assert tags.source_of(made) == "A" * 100_000 and tags.recipe_of(made) == RECIPE
    assert tags.SOURCE not in tags.find_image("one") and tags.source_of(None) == ""


def test_an_older_texture_never_replaces_a_newer_one(shape, texture, albedo):
    avatar.show(bpy.context.scene, "one", "Avatar", shape, texture)
    avatar.show(bpy.context.scene, "one", "Avatar", shape, image.packed(255 - albedo, level=0))
    np.testing.assert_array_equal(image.read_image(tags.find_image("one")), albedo)


def test_a_deleted_avatar_is_made_anew_with_its_texture(shape, texture):
    scene = bpy.context.scene
    avatar.show(scene, "one", "Avatar", shape)
    bpy.data.objects.remove(tags.find_object("one"))
    assert avatar.show(scene, "one", "Avatar", shape, texture)
    made = tags.find_object("one")
    assert made.name in scene.objects
    assert [slot.material for slot in made.material_slots] == list(bpy.data.materials)
    assert len(bpy.data.images) == 1


def test_a_deleted_image_is_made_anew_and_the_users_material_stays_in_its_slot(shape, texture):
    scene = bpy.context.scene
    avatar.show(scene, "one", "Avatar", shape)
    made = tags.find_object("one")
    made.data.materials[0] = own = bpy.data.materials.new("Mine")
    bpy.data.images.remove(tags.find_image("one"))
    avatar.show(scene, "one", "Avatar", shape, texture)
    assert made.data.materials[0] == own and len(made.data.materials) == 2
    assert {polygon.material_index for polygon in made.data.polygons} == {1}


def test_duplicates_show_the_same_image_and_names_do_not_matter(shape, texture):
    scene = bpy.context.scene
    avatar.show(scene, "one", "Avatar", shape)
    copy = tags.find_object("one").copy()
    scene.collection.objects.link(copy)
    assert not avatar.show(scene, "one", "Avatar", shape, texture)
    assert len(bpy.data.images) == 1


def test_a_second_job_replaces_nothing(shape, texture, quad):
    scene = bpy.context.scene
    avatar.show(scene, "one", "Avatar", shape, texture, RECIPE)
    avatar.show(scene, "two", "Avatar", MeshReady("two", *quad))
    assert len(bpy.data.objects) == len(bpy.data.images) == len(bpy.data.materials) == 2
    assert tags.recipe_of(tags.find_object("one")) == RECIPE
