# SPDX-License-Identifier: GPL-3.0-or-later
import shutil
from pathlib import Path

import pytest
import torch

from backend.cli.frame import run_command_line
from backend.synthesis import available
from backend.training.presets import PRESETS
from tests.backend.training.conftest import balls, run_of_balls, shards
from tests.backend.training.gan_balls import write_shard
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


def test_a_gan_is_trained_checked_and_becomes_a_generator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, models = write_shard(tmp_path / "data"), tmp_path / "models"
    monkeypatch.setenv("MAQUETTE_MODELS", str(models))
    command = ["train", "gan", "--config", "tiny", "--data", str(data), "--out", str(tmp_path / "runs")]
    assert run_command_line([*command, "--check", "--precision", "no"]) == 0
    said = capsys.readouterr().out
    assert "gan of tiny" in said and "deceived" in said and "penalty" in said and not (tmp_path / "runs").exists()
    assert run_command_line([*command, "--steps", "1", "--batch", "1", "--precision", "no"]) == 0
    assert str(models) in capsys.readouterr().out
    models.mkdir()
    shutil.copy(tmp_path / "runs/gan/gan.safetensors", models / "own-heads.safetensors")
    assert available()["own-heads"] == ("portrait", "seed")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["base", "--minutes", "-1"], "--minutes is -1"),
        (["base", "--steps", "0"], "--steps is 0"),
        (["prior", "--check"], "too small to be checked"),
        (["base", "--config", "tiny"], "which is not there"),
        (["base", "--batch", "2"], "no meaning for base"),
        (["base", "--config", "paper"], "paper has no stage base"),
        (["gan", "--config", "rodin"], "rodin has no stage gan"),
    ],
)
def test_wrong_wishes_end_in_a_sentence(
    flags: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["train", *flags, "--data", str(tmp_path), "--out", str(tmp_path)]) != 0
    assert sentence in capsys.readouterr().err
