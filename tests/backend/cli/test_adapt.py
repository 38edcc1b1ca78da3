# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest

from backend.adaptation import prior as priors
from backend.cli.frame import run_command_line
from backend.weights.library import entries
from backend.weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan, save_sdf_gan
from tests.backend.adaptation.worlds import Ideal

FEW = ["--steps", "2", "--batch", "2", "--side", "16"]


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path / "models"))
    save_sdf_gan(TrainedSdfGan.build(SdfGanFileConfig.tiny()), tmp_path / "models" / "faces.safetensors")
    monkeypatch.setitem(priors.PRIORS, "studio", "tests.backend.adaptation.worlds:ideal")
    return tmp_path


def test_a_sentence_becomes_a_style(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["adapt", "all red", "--model", "faces", "--out", "red", *FEW, "--pictures", str(models / "pictures")]
    assert run_command_line(told) == 0
    assert "2 steps" in capsys.readouterr().out
    recipe = entries()["red"].recipe
    assert recipe is not None and recipe["prompt"] == "all red" and recipe["prior"]["name"] == Ideal.name
    assert (models / "pictures" / "style.png").is_file()
    assert run_command_line(told) == 2
    assert "already" in capsys.readouterr().err
    assert run_command_line([*told, "--overwrite", "--times", "0.2", "0.6", "--form", "classifier"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["all red", "--out", "Red!"], "cannot be called"), (["all red", "--out", "faces"], "no style replaces"),
     (["", "--out", "red"], "sentence"), (["red", "--out", "red", "--model", "nobody"], "'nobody'"),
     (["red", "--out", "red", "--times", "0.5"], "two shares"),
     (["red", "--out", "red", "--part", "hair"], "--keep rest"), (["red", "--out", "red", "--batch", "1"], "two of")],
)  # fmt: skip
def test_what_cannot_be_done_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["adapt", *arguments]) == 2
    assert said in capsys.readouterr().err
