# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text of the add-on that a user may read: of its classes as Blender knows them, and of its sources.

Texts with values in them come with {0}, {1} and so on in their place.
"""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import bpy

import blender_addon
from blender_addon.protocol.wire import REQUESTS
from scripts import reference_pages

FOLDER = Path(blender_addon.__file__).parent
DRAWN = ("text", "placeholder", "heading")
"""Values of layout calls that are read."""
SPOKEN = {"sentence": 2, "refused": 1, "translated": 0, "tell": 2, "Remedy": 1}
"""Functions to which a text is handed, and its place among the values."""
ANSWERING = (
    "panels/",
    "crowd_panel.py",
    "wording.py",
    "probe.py",
    "shelf.py",
    "requests.py",
    "crowd_properties.py",
    "styles.py",
)
"""Where functions draw texts or return them to the panel."""
FORMAT = re.compile(r"\{(\d):[^}]*\}")
SENTENCE = re.compile(r"[A-Z][a-z]|.*\{\d\}.*[a-z]|[a-z]+ [a-z]+")
SILENT = {"Maquette", "Blender {0}", *REQUESTS} - {"Cancel"}
"""What stays as it is in every language."""


@lru_cache
def all_texts() -> frozenset[str]:
    """What a translation has to hold."""
    texts = (*of_classes(), *of_sources(), *of_errors())
    return frozenset(each for each in texts if _has_words(each)) - SILENT


def of_classes() -> Iterator[str]:
    """Labels, tooltips and entries of lists, as Blender shows them."""
    for kind in _classes():
        if issubclass(kind, bpy.types.Panel):
            yield kind.bl_label
            continue
        if issubclass(kind, bpy.types.Operator):
            yield from (kind.bl_label, (kind.__doc__ or "").strip())
            rna = getattr(bpy.ops.maquette, kind.bl_idname.removeprefix("maquette.")).get_rna_type()
        else:
            rna = kind.bl_rna
        own = {name for base in kind.__mro__ for name in getattr(base, "__annotations__", {})}
        for each in rna.properties:
            if each.identifier not in own or each.is_hidden:
                continue
            yield from (each.name, each.description)
            if each.type == "ENUM":
                yield from (text for entry in each.enum_items_static for text in (entry.name, entry.description))


def _classes() -> Iterator[Any]:
    bases = (bpy.types.Panel, bpy.types.Operator, bpy.types.PropertyGroup, bpy.types.AddonPreferences)
    for base in bases:
        yield from (each for each in base.__subclasses__() if each.__module__.startswith("blender_addon."))
        for mixed in base.__subclasses__():
            yield from (each for each in mixed.__subclasses__() if each.__module__.startswith("blender_addon."))


def of_sources() -> Iterator[str]:
    """What panels draw, operators report, and functions answer."""
    for path in sorted(FOLDER.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                for each in node.keywords:
                    if each.arg in DRAWN:
                        yield from templates(each.value)
                place = SPOKEN.get(reference_pages.name_of(node.func))
                if place is not None and len(node.args) > place:
                    yield from templates(node.args[place])
        if path.relative_to(FOLDER).as_posix().startswith(ANSWERING):
            yield from _answers(tree)


def _answers(tree: ast.AST) -> Iterator[str]:
    """What functions and constants say: literals that are written as sentences are, or have values in them."""
    for constant in ast.iter_child_nodes(tree):
        if isinstance(constant, ast.Assign) and isinstance(constant.value, ast.Constant):
            yield from (text for text in _literals(constant.value) if SENTENCE.match(text))
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef):
            for statement in scope.body:
                if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                    yield from (text for text in _literals(statement) if SENTENCE.match(text))


def _literals(node: ast.AST) -> Iterator[str]:
    """Of a piece of code, those with values in them as one."""
    if isinstance(node, (ast.JoinedStr, ast.Constant)):
        yield from templates(node)
        return
    for child in ast.iter_child_nodes(node):
        yield from _literals(child)


def of_errors() -> Iterator[str]:
    """Messages and hints of the add-on's errors."""
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(FOLDER.rglob("*.py"))}
    kinds = reference_pages.kinds_of_error(trees.values())
    for tree in trees.values():
        for each in reference_pages.sentences_of(tree, kinds):
            yield from (numbered(text) for text in (each.message, each.hint))


def templates(node: ast.expr) -> list[str]:
    """What an expression may say."""
    return [numbered(each) for each in reference_pages.spoken(node, {})]


def numbered(text: str) -> str:
    """With {0}, {1} for what differs."""
    parts = FORMAT.sub(r"{\1}", text).split("…")
    return parts[0] + "".join(f"{{{number}}}{part}" for number, part in enumerate(parts[1:]))


def _has_words(text: str) -> bool:
    plain = "".join(each for each in text if each.isalpha() or each == "_")
    return bool(plain) and not (plain.isupper() and len(plain) > 1) and len(plain) > 1
