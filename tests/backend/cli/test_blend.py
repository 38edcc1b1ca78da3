# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import pytest

from backend.cli.frame import run_command_line
from blender_addon.launcher import Launched


@pytest.fixture
def anna(tmp_path: Path) -> str:
    (tmp_path / "anna.json").write_text(json.dumps({"seed": 1, "source": "ANNA"}))
    return str(tmp_path / "anna.json")


@pytest.fixture
def bert(tmp_path: Path) -> str:
    (tmp_path / "bert.json").write_text(json.dumps({"seed": 2, "source": "BERT"}))
    return str(tmp_path / "bert.json")


def test_a_blend_has_shares_of_both(running: Launched, anna: str, bert: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run_command_line(["blend", anna, bert, "--weight", "0.25", "--out", str(out)]) == 0
    recipe = json.loads((out / "recipe.json").read_text())
    assert recipe["kind"] == "blend" and recipe["source"] == "ANNA+BERT+B"
    assert recipe["options"] == {"shares": [0.75, 0.25]}


def test_a_weight_beyond_both_is_refused(
    anna: str, bert: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["blend", anna, bert, "--weight", "1.5", "--out", str(tmp_path / "out")]) == 2
    assert "--weight is a number from 0 to 1, got 1.5" in capsys.readouterr().err


def test_layers_are_mixed_instead(running: Launched, anna: str, bert: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run_command_line(["blend", anna, bert, "--layers", "0.4", "--out", str(out)]) == 0
    assert json.loads((out / "recipe.json").read_text())["options"] == {"shares": [0.5, 0.5], "layers": 0.4}


def test_layers_beyond_all_are_refused(
    anna: str, bert: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["blend", anna, bert, "--layers", "2", "--out", str(tmp_path / "out")]) == 2
    assert "--layers is a number from 0 to 1, got 2" in capsys.readouterr().err
