# SPDX-License-Identifier: GPL-3.0-or-later
"""Avatars that are there, changed by sentences and mixed with others, against a real backend."""

import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import tags  # noqa: E402
from tests.integration.tiny_runner import PLAIN  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("addon")]


@pytest.fixture
def avatar(connected):
    assert bpy.ops.maquette.generate(seed=PLAIN, preset="draft") == {"FINISHED"}
    return bpy.context.object


def select(*avatars):
    for each in bpy.context.view_layer.objects:
        each.select_set(each in avatars)
    bpy.context.view_layer.objects.active = avatars[0]


def test_an_edit_stands_beside_its_avatar_and_can_be_edited_again(avatar):
    assert tags.source_of(avatar) == "A"
    assert bpy.ops.maquette.edit(sentence="add a beard", strength=0.5) == {"FINISHED"}
    bearded = bpy.context.object
    assert bearded != avatar and bearded.name == f"{avatar.name}, add a beard"
    recipe = tags.recipe_of(bearded)
    assert recipe["kind"] == "edit" and recipe["preset"] == "draft"
    assert recipe["options"] == {"sentence": "add a beard", "strength": 0.5}
    settings = bpy.context.scene.maquette
    settings.edit, settings.strength = "make her older", 1.5
    assert bpy.ops.maquette.edit() == {"FINISHED"}
    assert tags.source_of(bpy.context.object) == "A+E+E"
    assert tags.recipe_of(bpy.context.object)["options"] == {"sentence": "make her older", "strength": 1.5}
    assert bpy.ops.maquette.reuse() == {"FINISHED"} and settings.edit == "make her older"


def test_an_edit_without_a_sentence_is_a_sentence(avatar):
    with pytest.raises(RuntimeError, match="Say what to change"):
        bpy.ops.maquette.edit()


def test_a_blend_takes_the_active_one_first_and_all_that_are_selected(avatar):
    assert bpy.ops.maquette.edit(sentence="add a beard") == {"FINISHED"}
    bearded = bpy.context.object
    select(avatar)
    assert not bpy.ops.maquette.blend.poll()
    select(bearded, avatar)
    assert bpy.ops.maquette.blend(share=0.25) == {"FINISHED"}
    both = bpy.context.object
    assert tags.source_of(both) == "A+E+A+B" and tags.recipe_of(both)["options"] == {"shares": [0.75, 0.25]}
    assert both.name == f"{bearded.name} and {avatar.name}"


def test_what_was_changed_is_made_again_from_its_own_source(avatar):
    assert bpy.ops.maquette.edit(sentence="add a beard") == {"FINISHED"}
    assert bpy.ops.maquette.vary.poll() is False
    assert bpy.ops.maquette.regenerate() == {"FINISHED"}
    assert tags.source_of(bpy.context.object) == "A+E+B"


def test_an_avatar_of_an_older_backend_cannot_be_changed(avatar):
    del avatar[tags.SOURCE]
    assert bpy.ops.maquette.edit.poll() is False and bpy.ops.maquette.blend.poll() is False


def test_a_sentence_makes_a_person_and_comes_back_into_the_panel(connected):
    assert bpy.ops.maquette.generate(sentence="an old woman with flurb hair", preset="draft") == {"FINISHED"}
    made = bpy.context.object
    assert made.name == "An old woman with flurb hair"
    recipe = tags.recipe_of(made)
    assert recipe["options"] == {"sentence": "an old woman with flurb hair"} and recipe["notes"]
    assert bpy.ops.maquette.vary(seed=9) == {"FINISHED"}
    again = tags.recipe_of(bpy.context.object)
    assert again["seed"] == 9 and again["options"] == recipe["options"]
    assert bpy.ops.maquette.mark_asset() == {"FINISHED"}
    told = bpy.context.object.asset_data
    assert "“an old woman with flurb hair”" in told.description and "sentence" in told.tags
    settings = bpy.context.scene.maquette
    assert bpy.ops.maquette.reuse() == {"FINISHED"}
    assert (settings.source, settings.sentence) == ("SENTENCE", "an old woman with flurb hair")


def test_a_portrait_and_a_sentence_are_a_mix_with_the_panels_weights(connected, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"\xff\xd8\xff picture")
    settings = bpy.context.scene.maquette
    settings.sentence_weight = 0.5
    made = bpy.ops.maquette.generate(portrait=str(photo), sentence="a bald man", refine=True, preset="draft")
    assert made == {"FINISHED"}
    recipe = tags.recipe_of(bpy.context.object)
    assert recipe["portrait"] is True and recipe["options"]["invert"] > 0
    assert recipe["options"]["weights"] == {"portrait": 1.0, "sentence": 0.5}
    settings.source, settings.portrait_weight, settings.sentence_weight = "MIX", 0, 0
    with pytest.raises(RuntimeError, match="Nothing is in the mix"):
        bpy.ops.maquette.generate()
