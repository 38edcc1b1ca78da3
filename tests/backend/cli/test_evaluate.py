# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest

from backend.cli.frame import run_command_line
from backend.weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan, save_sdf_gan


def test_people_that_may_have_been_trained_on_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["evaluate", "--seeds", "0:4"]) == 2
    assert "may have been trained on" in capsys.readouterr().err


def test_one_avatar_has_no_variety(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["evaluate", "--variety", "1"]) == 2
    assert "no variety" in capsys.readouterr().err


def test_a_gan_is_measured_on_people_it_has_not_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "heads.safetensors"
    save_sdf_gan(TrainedSdfGan.build(SdfGanFileConfig.tiny()), file)
    assert run_command_line(["evaluate", "--gan", str(file)]) == 2
    assert "--held" in capsys.readouterr().err
    assert run_command_line(["evaluate", "--gan", str(file), "--held", str(tmp_path), "--pictures", "2"]) == 2
    assert "--pictures is 2" in capsys.readouterr().err
    assert run_command_line(["evaluate", "--gan", str(file), "--held", str(tmp_path)]) == 2
    assert "holds no shards" in capsys.readouterr().err


def test_a_style_is_measured_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["evaluate", "--style", "no-such-style"]) == 2
    assert "no style called 'no-such-style'" in capsys.readouterr().err
