# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels are drawn by a window only; what they name is checked here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

import blender_addon  # noqa: E402
from blender_addon import panels, wording  # noqa: E402
from blender_addon.panels.avatar import MAQUETTE_PT_avatar  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("addon")]


def constants(pattern: str) -> Iterator[str]:
    """Every string in files of the add-on that could name an operator or an icon."""
    files = list(Path(blender_addon.__file__).parent.glob(pattern))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_operator_that_a_button_calls_exists():
    called = {text for text in constants("panels/*.py") if text.startswith("maquette.")}
    called |= {remedy.operator for remedy in wording.REMEDIES.values()}
    assert called
    for name in called:
        assert getattr(bpy.ops.maquette, name.removeprefix("maquette.")).get_rna_type().name


def test_every_icon_exists():
    known = bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys()
    named = {text for name in ("panels/*.py", "wording.py", "properties.py") for text in constants(name)}
    looks_like_icons = {text for text in named if text.isupper() and text.replace("_", "").isalnum() and len(text) > 2}
    no_icons = {"PORTRAIT", "SENTENCE", "SEED", "MIX", "MESH", "FACTOR", "VIEW_3D", "DEFAULT_CLOSED"}
    assert looks_like_icons - no_icons <= set(known)


def test_a_remedy_with_a_preset_is_one_that_the_operator_takes():
    presets = bpy.ops.maquette.generate.get_rna_type().properties["preset"].enum_items.keys()
    assert {remedy.preset for remedy in wording.REMEDIES.values()} - {""} <= set(presets)


def test_the_panels_have_a_tab_of_their_own():
    assert {each.bl_category for each in panels.CLASSES if issubclass(each, bpy.types.Panel)} == {"Maquette"}
    assert not MAQUETTE_PT_avatar.poll(bpy.context)
