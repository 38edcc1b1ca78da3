# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags and refusals; that it serves is shown in tests/integration."""

import logging
from pathlib import Path

import pytest

from backend.cli.frame import run_command_line
from backend.cli.serve import Flags


def test_defaults_are_local_and_automatic() -> None:
    flags = Flags()
    assert (flags.host, flags.port, flags.device, flags.store) == ("127.0.0.1", 0, ("auto",), None)


def test_another_address_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger("backend").level
    assert run_command_line(["serve", "--host", "0.0.0.0", "--store", str(tmp_path)]) == 2
    logging.getLogger("backend").setLevel(before)
    written = capsys.readouterr().err
    assert "Refusing to listen at 0.0.0.0" in written and "SSH tunnel" in written
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger("backend").level
    arguments = ["serve", "--host", "0.0.0.0", "--store", str(tmp_path / "s"), "--allow", str(tmp_path / "none")]
    assert run_command_line(arguments) == 2
    logging.getLogger("backend").setLevel(before)
    assert "list of allowed clients" in capsys.readouterr().err and not (tmp_path / "s").exists()


def test_a_backend_that_keeps_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger("backend").level
    for limit in (["--keep-jobs", "0"], ["--keep-gb", "0"]):
        assert run_command_line(["serve", "--store", str(tmp_path / "s"), *limit]) == 2
        written = capsys.readouterr().err
        assert "at least one result" in written and "Raise --keep-jobs or --keep-gb." in written
    logging.getLogger("backend").setLevel(before)
    assert not (tmp_path / "s").exists()
