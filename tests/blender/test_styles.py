# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles and imagined heads in Blender, against a real backend whose runner makes styles without weights."""

import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import session  # noqa: E402
from blender_addon.jobs import Phase  # noqa: E402
from blender_addon.panels.create import MAQUETTE_PT_create  # noqa: E402
from blender_addon.panels.styles import (  # noqa: E402
    MAQUETTE_MT_bases,
    MAQUETTE_MT_crowd_generators,
    MAQUETTE_MT_generators,
    MAQUETTE_PT_styles,
)
from blender_addon.protocol import Cancel, FreeMemory, JobRequest  # noqa: E402
from blender_addon.scene import tags  # noqa: E402
from blender_addon.styles import style_request, styles  # noqa: E402
from tests.blender.backend import pump_until  # noqa: E402
from tests.blender.drawn import drawn  # noqa: E402
from tests.integration.tiny_runner import put_style  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("addon")]
RUNNER = "tests.integration.tiny_runner:Stylist"


def known(live: session.Session) -> list[str]:
    return [each.name for each in styles(live.client.welcome)]


def test_a_style_is_made_used_and_deleted(connected):
    settings = bpy.context.scene.maquette_style
    settings.sentence, settings.keep, settings.seed = "a marble statue", "rest", 3
    bpy.context.scene.maquette.preset = "draft"
    assert bpy.ops.maquette.adapt() == {"FINISHED"}
    first = bpy.context.object
    assert first.name == "A marble statue"
    recipe = tags.recipe_of(first)
    assert recipe["style"] == {"name": "a-marble-statue", "prompt": "a marble statue", "model": "heads", "keep": "rest"}
    pump_until(connected, lambda: "a-marble-statue" in known(connected))
    # The first head's recipe makes it again by the style, and does not make the style again.
    assert bpy.ops.maquette.vary(seed=9) == {"FINISHED"}
    again = tags.recipe_of(bpy.context.object)
    assert again["options"] == {"synthesizer": "a-marble-statue"} and "style" not in again
    assert bpy.ops.maquette.choose_generator(name="a-marble-statue") == {"FINISHED"}
    assert bpy.ops.maquette.generate(seed=11, preset="draft") == {"FINISHED"}
    assert tags.recipe_of(bpy.context.object)["options"]["synthesizer"] == "a-marble-statue"
    settings.sentence = ""
    assert bpy.ops.maquette.reuse_style(name="a-marble-statue") == {"FINISHED"}
    assert (settings.sentence, settings.keep, settings.model) == ("a marble statue", "rest", "heads")
    assert bpy.ops.maquette.discard_style(name="a-marble-statue") == {"FINISHED"}
    assert "a-marble-statue" not in known(connected) and bpy.context.scene.maquette.synthesizer == ""
    assert first.name in bpy.data.objects


def test_what_cannot_be_a_style_is_a_sentence(connected):
    with pytest.raises(RuntimeError, match="Say what people shall become"):
        bpy.ops.maquette.adapt()
    with pytest.raises(RuntimeError, match="small letters, digits and hyphens"):
        bpy.ops.maquette.adapt(sentence="a bronze bust", name="Bronze!")
    with pytest.raises(RuntimeError, match="rodin cannot be changed by a sentence; choose heads or own"):
        bpy.ops.maquette.adapt(sentence="a bronze bust", model="rodin")
    assert bpy.ops.maquette.adapt(sentence="a bronze bust", name="bronze") == {"FINISHED"}
    with pytest.raises(RuntimeError, match="a generator called bronze already"):
        bpy.ops.maquette.adapt(sentence="a bronze bust", name="bronze")


def test_a_style_that_is_learned_shows_itself_and_can_be_cancelled(connected):
    wish = style_request_of("an alien", connected)
    work = connected.submit(wish, "An alien", bpy.context.scene.name)
    pump_until(connected, lambda: work.job.preview is not None)
    assert work.job.stage == "learning the style" and work.job.preview.shape == (8, 16, 3)
    connected.client.send(Cancel(work.job.job_id))
    pump_until(connected, lambda: work.job.phase is Phase.CANCELLED)
    assert "an-alien" not in known(connected)
    assert bpy.ops.maquette.retry(job=work.job.job_id) == {"FINISHED"}
    pump_until(connected, lambda: "an-alien" in known(connected))


def style_request_of(sentence: str, live: session.Session) -> JobRequest:
    from blender_addon.styles import StyleWish

    made = style_request(StyleWish(sentence=sentence, preset="draft"), live.client.welcome)
    assert isinstance(made, JobRequest)
    return made


def test_a_head_beyond_people_is_a_kind_of_its_own_and_made_again_as_one(connected):
    settings = bpy.context.scene.maquette
    settings.imagine = True
    assert bpy.ops.maquette.generate(seed=11, preset="draft") == {"FINISHED"}  # of a seed it is a person as ever
    assert tags.recipe_of(bpy.context.object)["kind"] == "avatar"
    assert bpy.ops.maquette.generate(sentence="a bronze bust with a laurel wreath", preset="draft") == {"FINISHED"}
    recipe = tags.recipe_of(bpy.context.object)
    assert recipe["kind"] == "imagine" and recipe["options"]["sentence"] == "a bronze bust with a laurel wreath"
    settings.imagine = False
    assert bpy.ops.maquette.regenerate() == {"FINISHED"}
    assert tags.recipe_of(bpy.context.object)["kind"] == "imagine"
    assert bpy.ops.maquette.reuse() == {"FINISHED"}
    assert settings.imagine and settings.source == "SENTENCE"
    with pytest.raises(RuntimeError, match="rodin cannot be bent"):
        bpy.ops.maquette.generate(sentence="a bronze bust", synthesizer="rodin", imagine=True)


def test_settings_taken_up_again_name_the_generator(connected):
    put_here = bpy.context.scene.maquette
    assert bpy.ops.maquette.generate(seed=11, preset="draft", synthesizer="own") == {"FINISHED"}
    put_here.synthesizer = ""
    assert bpy.ops.maquette.reuse() == {"FINISHED"} and put_here.synthesizer == "own"


def test_panel_and_menus_show_styles_and_what_is_missing(connected):
    put_style("bronze-bust", {"prompt": "a bronze bust", "model": "own", "keep": "rest", "created": "2026"})
    welcome = connected.client.welcome
    connected.client.send(FreeMemory())  # whatever changes a worker brings a new Welcome
    pump_until(connected, lambda: connected.client.welcome is not welcome)
    shown = drawn(MAQUETTE_PT_styles)
    assert "bronze-bust" in shown.labels and "“a bronze bust”" in shown.labels
    assert ("maquette.adapt", False) in shown.buttons
    assert "Say what people shall become first" in " ".join(shown.labels)
    bpy.context.scene.maquette_style.sentence = "an alien"
    assert ("maquette.adapt", True) in drawn(MAQUETTE_PT_styles).buttons
    for menu, fewest in ((MAQUETTE_MT_generators, 3), (MAQUETTE_MT_crowd_generators, 3), (MAQUETTE_MT_bases, 3)):
        assert len(drawn(menu).buttons) >= fewest
    assert bpy.ops.maquette.choose_generator(name="bronze-bust", crowd=True) == {"FINISHED"}
    assert bpy.context.scene.maquette_crowd.generator == "bronze-bust" and not bpy.context.scene.maquette.synthesizer
    settings = bpy.context.scene.maquette
    settings.source, settings.sentence, settings.synthesizer = "SENTENCE", "an old man", "bronze-bust"
    shown = drawn(MAQUETTE_PT_create)
    assert ("maquette.generate", False) in shown.buttons
    assert "bronze-bust makes people from a portrait or a seed" in " ".join(shown.labels)
    settings.imagine = True
    assert ("maquette.generate", True) in drawn(MAQUETTE_PT_create).buttons
