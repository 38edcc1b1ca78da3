# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.cli.frame import run_command_line


def test_people_that_may_have_been_trained_on_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["evaluate", "--seeds", "0:4"]) == 2
    assert "may have been trained on" in capsys.readouterr().err


def test_one_avatar_has_no_variety(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["evaluate", "--variety", "1"]) == 2
    assert "no variety" in capsys.readouterr().err
