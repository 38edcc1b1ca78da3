# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import pytest

from backend.cli.frame import run_command_line
from blender_addon.launcher import Launched


def avatar(folder: Path, **recipe: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(recipe))
    return folder


def test_an_edit_starts_from_the_avatar_and_can_be_edited_again(
    running: Launched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    anna = avatar(tmp_path / "anna", seed=0, source="ANNA")
    assert run_command_line(["edit", str(anna), "--sentence", "a beard", "--strength", "0.7", "--out", str(first)]) == 0
    recipe = json.loads((first / "recipe.json").read_text())
    assert recipe["kind"] == "edit" and recipe["source"] == "ANNA+E"
    assert recipe["options"] == {"sentence": "a beard", "strength": 0.7}
    command = ["edit", str(first / "avatar.glb"), "--sentence", "red flurb hair", "--out", str(second)]
    assert run_command_line(command) == 0
    assert json.loads((second / "recipe.json").read_text())["source"] == "ANNA+E+E"
    assert "'flurb' was not understood" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["nobody", "--sentence", "a beard"], "cannot be read"),
        (["old", "--sentence", "a beard"], "does not tell what edits and blends start from"),
        (["anna", "--sentence", " "], "a sentence is one line"),
        (["anna", "--sentence", "a beard", "--strength", "7"], "strength is a number from 0.0 to 3.0"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    arguments: list[str], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    avatar(tmp_path / "anna", seed=0, source="ANNA")
    avatar(tmp_path / "old", seed=0)
    command = ["edit", str(tmp_path / arguments[0]), *arguments[1:], "--out", str(tmp_path / "out")]
    assert run_command_line(command) == 2
    assert part in capsys.readouterr().err and not (tmp_path / "out").exists()
