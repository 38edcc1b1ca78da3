# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest

from backend.cli.frame import run_command_line
from backend.weights.library import entries
from tests import foreign


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def test_a_checkpoint_becomes_a_generator_and_its_terms_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = foreign.save_gan(tmp_path / "easy_khair 180.pkl", foreign.PANOHEAD, "panohead")
    (tmp_path / "terms.txt").write_text("the whole text")
    assert run_command_line(["convert", str(path), "--as", "panohead", "--licence", str(tmp_path / "terms.txt")]) == 0
    said = capsys.readouterr().out
    assert "NON-COMMERCIAL" in said and "--synthesizer easy-khair-180 --seed 1" in said
    assert entries()["easy-khair-180"].licence.text == "the whole text"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--as", "eg3d"], "holds no such generator under G_ema"),
        (["--as", "triposr", "--name", "rodin"], "rodin is a generator of maquette's own"),
        (["--as", "triposr", "--name", "Two Words"], "cannot be called 'Two Words'"),
        (["--as", "triposr", "--licence", "/nowhere"], "/nowhere cannot be read"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = foreign.save_triposr(tmp_path)
    assert run_command_line(["convert", str(path), *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said and "Traceback" not in said and not models.exists()
