# SPDX-License-Identifier: GPL-3.0-or-later
import subprocess
import sys
from pathlib import Path

import pytest

from backend import __version__
from backend.cli import VERBS
from backend.cli.frame import run_command_line, verb_parser

ROOT = Path(__file__).parents[3]
FRAME_FILES = {"__init__", "frame", "flags", "progress", "making", "head_files"}


def test_every_verb_has_its_file() -> None:
    files = {path.stem for path in (ROOT / "backend/cli").glob("*.py")} - FRAME_FILES
    assert files == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_flag_is_explained(verb: str) -> None:
    actions = verb_parser(verb)._actions
    assert verb_parser(verb).description
    assert not [action.dest for action in actions if not action.help]


def test_help_loads_no_library() -> None:
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "backend", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert loaded.returncode == 0 and "generate" in loaded.stdout
    assert not [line for line in loaded.stderr.splitlines() if line.endswith((" numpy", " torch", " zmq"))]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run_command_line(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == f"maquette {__version__}"


def test_a_complaint_is_two_lines_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "nobody.jpg"
    assert run_command_line(["generate", "--portrait", str(missing), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "nobody.jpg" in error and error.startswith("maquette: ") and "Traceback" not in error


def test_no_verb_shows_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([]) == 2
    assert "verbs:" in capsys.readouterr().out
