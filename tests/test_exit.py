# SPDX-License-Identifier: GPL-3.0-or-later
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PINNED = """
import ctypes
import bpy

ctypes.pythonapi.Py_IncRef(ctypes.py_object(bpy))  # as caches of classes do that outlive all modules

def test_right():
    pass

def test_wrong():
    assert {wrong}
"""


@pytest.mark.parametrize(("wrong", "status"), [("True", 0), ("False", 1)])
def test_a_run_of_tests_ends_though_something_holds_bpy(wrong: str, status: int, tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    (tmp_path / "test_pinned.py").write_text(PINNED.replace("{wrong}", wrong), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "--rootdir", str(tmp_path), str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == status, ended.stdout + ended.stderr
    assert f"{2 - status} passed" in ended.stdout
