# SPDX-License-Identifier: GPL-3.0-or-later
"""A frozen dataclass becomes command-line flags; the strings under its fields become their help."""

import argparse
import ast
import inspect
import typing
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar

T = TypeVar("T")


def add_flags(parser: argparse.ArgumentParser, flags_type: type) -> None:
    """One argument per field of the dataclass."""
    types = typing.get_type_hints(flags_type)
    helps = field_docstrings(flags_type)
    for field in fields(flags_type):
        _add_flag(parser, field, types[field.name], helps.get(field.name, ""))


def flags_from(flags_type: type[T], options: dict[str, Any]) -> T:
    """The dataclass from parsed options."""
    names = {field.name for field in fields(flags_type)}  # type: ignore[arg-type]
    return flags_type(**{name: value for name, value in options.items() if name in names})


def field_docstrings(flags_type: type) -> dict[str, str]:
    """Field name -> the string literal under it, for the class and its bases."""
    found: dict[str, str] = {}
    for cls in reversed(flags_type.__mro__[:-1]):
        source = Path(inspect.getfile(cls)).read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
                found |= _strings_under_fields(node)
    return found


def seed_range(text: str) -> range:
    """`A:B` (B excluded) or `N`, both as a range."""
    start, colon, stop = text.partition(":")
    first = int(start)
    last = int(stop) if colon else first + 1
    if first < 0 or last <= first:
        raise ValueError(f"a range is written A:B with 0 <= A < B, got {text}")
    return range(first, last)


def _strings_under_fields(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for statement, below in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            found[statement.target.id] = " ".join(below.value.value.split())
    return found


def _add_flag(parser: argparse.ArgumentParser, field: "Field[Any]", kind: Any, text: str) -> None:
    required = field.default is MISSING and field.default_factory is MISSING
    default = None if required else field.default
    if field.default_factory is not MISSING:
        default = field.default_factory()
    if not required and default not in (None, False, ()):
        shown = f"{default.start}:{default.stop}" if isinstance(default, range) else default
        text = f"{text} (default: {shown})"
    settings: dict[str, Any] = {"help": text.replace("%", "%%"), "default": default}
    kind = _without_none(kind)
    if kind is bool:
        settings["action"] = "store_true" if default is False else argparse.BooleanOptionalAction
    elif typing.get_origin(kind) is Literal:
        settings["choices"] = typing.get_args(kind)
    elif typing.get_origin(kind) is tuple:
        settings |= {"type": typing.get_args(kind)[0], "nargs": "+"}
    else:
        settings["type"] = seed_range if kind is range else kind
    if field.metadata.get("positional"):
        if not required:
            settings["nargs"] = "*" if settings.get("nargs") == "+" else "?"
        parser.add_argument(field.name, **settings)
    else:
        name = str(field.metadata.get("flag", field.name))
        parser.add_argument("--" + name.replace("_", "-"), dest=field.name, required=required, **settings)


def _without_none(kind: Any) -> Any:
    if typing.get_origin(kind) in (UnionType, typing.Union):
        return next(member for member in typing.get_args(kind) if member is not NoneType)
    return kind
