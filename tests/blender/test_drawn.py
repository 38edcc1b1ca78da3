# SPDX-License-Identifier: GPL-3.0-or-later
"""What panels show in one state and another: what cannot be used says why, and every error has its button."""

import json

import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import crowd_panel, panels, session, wording  # noqa: E402
from blender_addon.launcher import NO_PROGRAM  # noqa: E402
from blender_addon.protocol import ErrorCode  # noqa: E402
from blender_addon.scene import tags  # noqa: E402
from tests.blender.drawn import Drawn, drawn  # noqa: E402
from tests.blender.said import _classes  # noqa: E402

pytestmark = [pytest.mark.blender]
PANELS = [each for each in (*panels.CLASSES, crowd_panel.MAQUETTE_PT_crowd) if issubclass(each, bpy.types.Panel)]
SELF_EXPLAINING = {"maquette.cancel"}
"""Greyed out while the bar above says Stopping."""


def panel(name: str) -> type:
    return next(each for each in PANELS if each.__name__ == f"MAQUETTE_PT_{name}")


def unexplained(shown: Drawn) -> list[str]:
    """Buttons that cannot be pressed in a panel that gives no reason."""
    dead = [name for name, usable in shown.buttons if not usable and name not in SELF_EXPLAINING]
    reasons = ("first", "update it", "one of", "Choose", "Describe", "Select", "Generate it again")
    return [] if any(reason in label for label in shown.labels for reason in reasons) else dead


@pytest.fixture
def avatar(addon) -> bpy.types.Object:
    """An object that carries a recipe and what edits start from."""
    found = bpy.data.objects.new("Avatar 1", bpy.data.meshes.new("Avatar 1"))
    found[tags.RECIPE] = json.dumps({"seed": 1, "preset": "draft", "kind": "avatar"})
    found[tags.SOURCE] = "source"
    bpy.context.scene.collection.objects.link(found)
    bpy.context.view_layer.objects.active = found
    found.select_set(True)
    return found


@pytest.mark.parametrize("each", PANELS, ids=lambda each: each.__name__)
def test_every_panel_draws_without_a_backend_and_says_what_is_missing(each, avatar):
    assert unexplained(drawn(each)) == []


@pytest.mark.parametrize("each", PANELS, ids=lambda each: each.__name__)
def test_every_panel_draws_with_a_backend(each, connected):
    assert unexplained(drawn(each)) == []


def test_what_cannot_be_generated_says_why(connected):
    settings = bpy.context.scene.maquette
    for source, reason in (("PORTRAIT", "Choose a portrait first"), ("SENTENCE", "Describe the person first")):
        settings.source = source
        shown = drawn(panel("create"))
        assert ("maquette.generate", False) in shown.buttons and reason in shown.labels
    settings.source = "SEED"
    assert ("maquette.generate", True) in drawn(panel("create")).buttons


def test_an_edit_without_words_says_what_it_wants(connected, avatar):
    shown = drawn(panel("avatar"))
    if any(name == "maquette.edit" for name, _ in shown.buttons):  # else this backend cannot, and says so
        assert ("maquette.edit", False) in shown.buttons and "Say what to change first" in shown.labels
    else:
        assert any("update it" in each for each in shown.labels)


@pytest.mark.parametrize("code", [*ErrorCode, NO_PROGRAM])
def test_every_error_is_drawn_with_a_button_that_helps(addon, code):
    session.current().problem = session.Problem(code, "Something went wrong.", "Do something.")
    shown = drawn(panel("backend"))
    assert {"Something went wrong.", "Do something."} <= set(shown.labels)
    buttons = [name for name, usable in shown.buttons if usable]
    assert buttons[-2:] == ["maquette.copy_text", "maquette.dismiss"]
    assert buttons[-3] == wording.remedy(code, ready=False).operator  # right before them


def test_every_control_has_a_tooltip(addon):
    for kind in _classes():
        if issubclass(kind, bpy.types.Operator):
            assert kind.__doc__, kind
        elif not issubclass(kind, bpy.types.Panel):
            own = [each for each in kind.bl_rna.properties if each.identifier in kind.__annotations__]
            assert own
            assert [each.identifier for each in own if not each.description] == [], kind
