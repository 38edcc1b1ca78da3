# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest

from backend.cli.frame import run_command_line


def test_says_where_the_files_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["fetch"]) == 0
    folder = Path(capsys.readouterr().out.strip().removeprefix("face networks: "))
    assert (folder / "face_landmark.tflite").is_file()


def test_without_a_way_to_get_them_it_is_two_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MAQUETTE_CACHE", str(tmp_path / "file"))
    assert run_command_line(["fetch"]) == 2
    error = capsys.readouterr().err.splitlines()
    assert "cannot be stored" in error[-2] and "MAQUETTE_CACHE" in error[-1]
