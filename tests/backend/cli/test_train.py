# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.cli.frame import run_command_line
from backend.training.presets import PRESETS
from tests.backend.training.conftest import balls, run_of_balls, shards
from tests.backend.training.test_build import SMALL

__all__ = ["balls", "run_of_balls", "shards"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "rodin", SMALL)


def test_a_check_prints_time_and_memory_and_writes_nothing(
    run_of_balls: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["train", "base", "--config", "rodin", "--data", str(run_of_balls), "--out", str(out), "--check"]
    assert run_command_line([*command, "--sample-steps", "1"]) == 0
    said = capsys.readouterr().out
    assert "base of rodin" in said and said.count("GiB") == 3 and "one sample" in said
    assert not out.exists()


def test_latents_are_trained_by_the_same_command(shards: Path, tmp_path: Path) -> None:
    assert (
        run_command_line(["train", "latents", "--config", "tiny", "--data", str(shards), "--out", str(tmp_path)]) == 0
    )
    assert torch.load(tmp_path / "latents/latents.pt", weights_only=True)["seeds"].tolist() == list(range(6))


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["base", "--minutes", "-1"], "--minutes is -1"),
        (["base", "--steps", "0"], "--steps is 0"),
        (["prior", "--check"], "too small to be checked"),
        (["base", "--config", "tiny"], "which is not there"),
    ],
)
def test_wrong_wishes_end_in_a_sentence(
    flags: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["train", *flags, "--data", str(tmp_path), "--out", str(tmp_path)]) != 0
    assert sentence in capsys.readouterr().err
