# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of other languages reach the panel, and none of them is for a text that is not there."""

import ast
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

import blender_addon  # noqa: E402
from blender_addon import translations  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("addon")]


def said() -> set[str]:
    """Every string in the add-on's own files."""
    files = [each for each in Path(blender_addon.__file__).parent.rglob("*.py") if each.name != "translations.py"]
    trees = [ast.parse(each.read_text(encoding="utf-8")) for each in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_both_languages_have_the_same_words_and_each_is_used():
    assert translations.KOREAN.keys() == translations.CHINESE.keys()
    assert set(translations.KOREAN) <= said()
    assert all(translations.KOREAN.values()) and all(translations.CHINESE.values())


def test_every_button_has_its_words():
    labels = {getattr(bpy.ops.maquette, name).get_rna_type().name for name in dir(bpy.ops.maquette)}
    shown = labels & {"Generate Avatar", "Free Memory", "Cancel", "Regenerate", "Vary Seed", "Mark as Asset"}
    assert len(shown) == 6 and shown <= translations.KOREAN.keys()


def test_blender_knows_them_while_the_addon_is_on():
    for language in translations.table():
        assert ("*", "Generate Avatar") in translations.table()[language]
    blender_addon.unregister()
    blender_addon.register()  # twice the same name would be refused
