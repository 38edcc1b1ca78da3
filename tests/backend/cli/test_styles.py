# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import pytest

from backend.cli.frame import run_command_line
from backend.weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan, save_sdf_gan

RECIPE = {"prompt": "a marble statue", "model": "own", "created": "2026-01-02T03:04:05+00:00", "plan": {"steps": 3}}


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path))
    model = TrainedSdfGan.build(SdfGanFileConfig.tiny())
    save_sdf_gan(model, tmp_path / "own.safetensors")
    save_sdf_gan(model, tmp_path / "marble.safetensors", recipe=RECIPE)
    return tmp_path


def test_styles_are_listed_shown_and_deleted(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["styles"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.split()[0] == "marble" and "“a marble statue” (of own, 2026-01-02" in line
    assert run_command_line(["styles", "--recipe", "marble"]) == 0
    assert json.loads(capsys.readouterr().out) == RECIPE
    assert run_command_line(["styles", "--remove", "marble"]) == 0
    assert "marble: deleted" in capsys.readouterr().out
    assert run_command_line(["styles"]) == 0
    assert "no styles in" in capsys.readouterr().out
    assert [each.name for each in models.iterdir()] == ["own.safetensors"]


@pytest.mark.parametrize("arguments", [["--remove", "own"], ["--remove", "../own"], ["--recipe", "bronze"]])
def test_what_is_no_style_stays(arguments: list[str], models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["styles", *arguments]) == 2
    told = capsys.readouterr().err
    assert f"there is no style called {arguments[1]}" in told and "There are marble" in told
    assert len(list(models.iterdir())) == 2
