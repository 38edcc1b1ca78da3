#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 (the checkout is put on the path first)
"""Two pages that are the code's own words: docs/protocol.md and docs/troubleshooting.md.

    python scripts/reference_pages.py           # writes both
    python scripts/reference_pages.py --check   # status 1 if one is not what the code says; the tests do that

The protocol's page holds its specification and a table of every message; the other one every sentence that a user may
meet, with what to do about it, found in the syntax trees wherever an error with `message` and `hint` is made.
"""

import argparse
import ast
import inspect
import sys
import textwrap
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.cli.flags import field_docstrings
from blender_addon import protocol
from blender_addon.protocol import ErrorCode
from blender_addon.protocol.fields import Array, Blob, Flag, Real, Table, Text, Whole
from blender_addon.protocol.wire import EVENTS, REQUESTS
from blender_addon.wording import REMEDIES

PROTOCOL, TROUBLE = ROOT / "docs/protocol.md", ROOT / "docs/troubleshooting.md"
MADE = "<!-- made by scripts/reference_pages.py from the code; change it there -->"
NOWHERE = 99
LAST_WORDS = {"Failed": (2, 3), "Refused": (1, 2), "ProtocolError": (1, NOWHERE), "_give_up": (0, NOWHERE)}
"""What else is made of sentences for a user: places of sentence and remedy among its values."""
RETURNED = ("_no_answer", "turned_away", "why_not")
"""Functions that return such a sentence."""
LABELS = ("message", "hint")
AREAS = {
    "The backend and its clients": ("backend/service/", "blender_addon/launcher.py", "blender_addon/line.py"),
    "In Blender": ("blender_addon/",),
    "Styles and imagined heads": ("backend/adaptation/", "backend/pipeline/adapt", "backend/pipeline/imagined.py"),
    "Portraits, requests and the making of avatars": ("backend/pipeline/", "backend/faces/", "backend/synthesis/"),
    "Textures and heads of your own": ("backend/refinement/", "backend/surface/", "backend/texture/"),
    "Weights and checkpoints": ("backend/weights/",),
    "Crowds of machines": ("backend/cluster/",),
    "On the command line": ("backend/cli/",),
    "Training, evaluation and the studio": (
        "backend/training/",
        "backend/studio/",
        "backend/evaluation/",
        "backend/claims/",
        "backend/models/",
    ),
}
"""In the page's order; a file is in the first that fits."""


@dataclass(frozen=True, slots=True, order=True)
class Sentence:
    """What a user may read; … stands for what differs."""

    message: str
    hint: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 where a page is not up to date")
    flags = parser.parse_args()
    pages = {PROTOCOL: protocol_page(), TROUBLE: trouble_page()}
    if flags.check:
        old = [path.name for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text]
        for name in old:
            print(f"docs/{name} is not what the code says: run python scripts/reference_pages.py", file=sys.stderr)
        return int(bool(old))
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


def protocol_page() -> str:
    """The specification, then every message."""
    said = inspect.cleandoc(protocol.__doc__ or "").split("\n", 1)
    parts = ["# The protocol", MADE, said[0], said[1].strip()]
    parts += [
        "The frames of every message are held fast by `tests/blender_addon/protocol/test_wire.py`; what damaged ones "
        "do, by `scripts/fuzz_wire.py`. [Scripting](scripting.md) shows the client library that speaks it, "
        "[security](security.md) who may."
    ]
    parts += ["## What clients send", *map(message_section, REQUESTS.values())]
    parts += ["## What the backend sends", *map(message_section, EVENTS.values())]
    parts += ["## Codes", "| code | when |", *code_rows()]
    text = "\n\n".join(parts)
    return text.replace("| code | when |\n\n", "| code | when |\n|---|---|\n").replace(" |\n\n| `", " |\n| `") + "\n"


def message_section(kind: Any) -> str:
    """One message: what it is for, and its fields."""
    lines = [f"### {kind.__name__}", "", inspect.cleandoc(kind.__doc__ or ""), ""]
    helps, hints = field_docstrings(kind), typing.get_type_hints(kind, include_extras=True)
    if fields(kind):
        lines += ["| field | what | |", "|---|---|---|"]
    for each in fields(kind):
        held, rule = typing.get_args(hints[each.name])
        needed = each.default is MISSING and each.default_factory is MISSING
        words = described(rule) + ("" if needed else ", may be absent" if NoneType in typing.get_args(held) else "")
        if not needed and each.default not in (MISSING, None):
            words += f", else {each.default!r}"
        lines.append(f"| `{each.name}` | {words} | {cell(helps.get(each.name, ''))} |")
    return "\n".join(lines).rstrip()


def described(rule: Any) -> str:
    """A field's rule in words."""
    match rule:
        case Text():
            return f"text, at most {rule.limit} characters"
        case Whole():
            return f"whole number from {rule.low} to {rule.high}"
        case Real():
            return f"number from {rule.low} to {rule.high}"
        case Flag():
            return "true or false"
        case Table():
            return "JSON object"
        case Blob():
            return f"bytes, at most {rule.limit >> 20} MiB"
        case Array():
            return f"{rule.dtype} [{', '.join(map(str, rule.shape))}]"
    raise TypeError(f"there are no words for {rule!r}")


def code_rows() -> Iterator[str]:
    """Each error code with its meaning."""
    helps = field_docstrings_of_enum(ErrorCode)
    for code in ErrorCode:
        yield f"| `{code.value}` | {cell(helps.get(code.name, ''))} |"


def field_docstrings_of_enum(kind: Any) -> dict[str, str]:
    """Member -> the string literal under it."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(node, ast.ClassDef)
    found = {}
    for statement, below in zip(node.body, node.body[1:], strict=False):
        told = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if isinstance(statement, ast.Assign) and told and isinstance(statement.targets[0], ast.Name):
            found[statement.targets[0].id] = " ".join(str(below.value.value).split())  # type: ignore[attr-defined]
    return found


def trouble_page() -> str:
    """Every sentence, by where it comes from."""
    lines = ["# Troubleshooting by message", "", MADE, "", INTRODUCTION, ""]
    helps = field_docstrings_of_enum(ErrorCode)
    lines += ["## What kind of trouble", "", "| code | what it means | button in the panel |", "|---|---|---|"]
    for code in ErrorCode:
        found = REMEDIES.get(code)
        lines.append(f"| `{code.value}` | {cell(helps.get(code.name, ''))} | {found.label if found else ''} |")
    for area, sentences in by_area().items():
        lines += ["", f"## {area}", "", "| it says | do this |", "|---|---|"]
        lines += [f"| {cell(each.message)} | {cell(each.hint)} |" for each in sorted(sentences)]
    return "\n".join(lines) + "\n"


INTRODUCTION = """Every message that Maquette shows, with what to do about it; … stands for what differs: a name, a
number, a path. The panel, the command line and scripts show the same words. What is not here is a fault of ours: its
sentence begins with *The backend made a mistake*, and the log (*Log* in the panel, `server.jsonl` and
`worker-*.jsonl` in the store) has more. `maquette doctor` looks for most causes by itself."""


def by_area() -> dict[str, set[Sentence]]:
    """All sentences of the sources."""
    found: dict[str, set[Sentence]] = {area: set() for area in AREAS}
    trees = {
        path: ast.parse(path.read_text("utf-8")) for folder in ("backend", "blender_addon") for path in sources(folder)
    }
    kinds = kinds_of_error(trees.values())
    for path, tree in trees.items():
        name = path.relative_to(ROOT).as_posix()
        area = next((area for area, starts in AREAS.items() if name.startswith(starts)), None)
        if area is not None:
            found[area] |= set(sentences_of(tree, kinds))
    return {area: sentences for area, sentences in found.items() if sentences}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def kinds_of_error(trees: Any) -> dict[str, tuple[int, int]]:
    """Names of the classes that are made of a message and a hint, with the places of these among their values."""
    kinds = dict(LAST_WORDS)
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for node in classes:
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                names = [each.arg for each in statement.args.args[1:]]
                if "message" in names and "hint" in names:
                    kinds[node.name] = (names.index("message"), names.index("hint"))
    for _ in range(3):  # subclasses of subclasses
        for node in classes:
            for base in node.bases:
                if isinstance(base, ast.Name) and base.id in kinds and node.name not in kinds:
                    kinds[node.name] = kinds[base.id]
    return kinds


def sentences_of(tree: ast.AST, kinds: dict[str, tuple[int, int]]) -> Iterator[Sentence]:
    """The sentences that a file makes errors of.

    A name stands for what was assigned to it in the same function since an error was last made of it.
    """
    for scope in ast.walk(tree):
        if not isinstance(scope, (ast.FunctionDef, ast.Module)):
            continue
        nodes = sorted((node for node in own_nodes(scope) if hasattr(node, "lineno")), key=lambda node: node.lineno)
        known: dict[str, list[tuple[bool, ast.expr]]] = {}
        for node in nodes:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                fresh = [each for each in known.get(name, []) if not each[0]]
                known[name] = [*fresh, (False, node.value)]
            elif isinstance(node, ast.Return) and getattr(scope, "name", "") in RETURNED:
                yield from (Sentence(said, "") for said in spoken(node.value, {}))
            elif isinstance(node, ast.Call) and (called := name_of(node.func)) in kinds:
                message, hint = (value_at(node, place, name) for place, name in zip(kinds[called], LABELS, strict=True))
                values = {name: [value for _, value in each] for name, each in known.items()}
                for said in spoken(message, values):
                    yield from (Sentence(said, told) for told in spoken(hint, values) or [""])
                for each in (message, hint):
                    if isinstance(each, ast.Name) and each.id in known:
                        known[each.id] = [(True, value) for _, value in known[each.id]]


def name_of(function: ast.expr) -> str:
    """What is called, without what it belongs to."""
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function or module, but not in the functions within."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield child
            yield from own_nodes(child)


def value_at(call: ast.Call, place: int, name: str) -> ast.expr | None:
    if any(isinstance(each, ast.Starred) for each in call.args[: place + 1]):
        return None
    if place < len(call.args):
        return call.args[place]
    return next((each.value for each in call.keywords if each.arg == name), None)


def spoken(node: ast.expr | None, known: dict[str, list[ast.expr]]) -> list[str]:
    """What an expression may say, none where that is not written down here."""
    match node:
        case ast.Constant(value=str(text)):
            return [text] if text else []
        case ast.JoinedStr(values=values):
            parts = [str(each.value) if isinstance(each, ast.Constant) else "…" for each in values]
            text = "".join(parts)
            return [text] if any(letter.isalpha() for letter in text) else []
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [f"{one}{two}" for one in spoken(left, known) or ["…"] for two in spoken(right, known) or ["…"]]
        case ast.IfExp(body=body, orelse=orelse):
            return [*spoken(body, known), *spoken(orelse, known)]
        case ast.Subscript(value=value) | ast.Call(func=ast.Attribute(value=value, attr="strip" | "format")):
            return spoken(value, known)
        case ast.Name(id=name) if name in known:
            others = {key: value for key, value in known.items() if key != name}
            return [said for each in known[name] for said in spoken(each, others)]
    return []


def cell(text: str) -> str:
    """Text for a table of Markdown."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.exit(main())
