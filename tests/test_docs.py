# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages point at is there: files, pictures, commands and their flags, scripts."""

import re
from pathlib import Path

import pytest

from backend.cli import VERBS
from backend.cli.frame import verb_parser

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"\bmaquette (\w+)([^`\n]*)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_is_there(page: Path) -> None:
    found = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    missing = [link for link in found if not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one_and_takes_the_flags_that_are_shown(page: Path) -> None:
    wrong = []
    for verb, rest in COMMAND.findall(page.read_text("utf-8")):
        if verb not in VERBS:
            continue
        known = {option for action in verb_parser(verb)._actions for option in action.option_strings}
        shown = set(re.findall(r"--[a-z][a-z-]*", rest.split("#")[0]))
        wrong += [f"maquette {verb} {flag}" for flag in shown - known]
    assert not wrong


def test_every_script_that_is_named_is_there() -> None:
    named = {name for page in PAGES for name in re.findall(r"scripts/(\w+\.py)", page.read_text("utf-8"))}
    assert named and not [name for name in named if not (ROOT / "scripts" / name).exists()]
