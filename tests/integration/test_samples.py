# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripting guide's samples for plain Python run as they stand."""

import os
import subprocess
import sys
from pathlib import Path

from blender_addon.launcher import Launched
from tests.samples import sample

from .conftest import ROOT


def test_the_client_samples_run(backend: Launched, tmp_path: Path) -> None:
    (tmp_path / "portrait.jpg").write_bytes(b"\xff\xd8\xff")
    environment = {**os.environ, "MAQUETTE_STATE": str(backend.store), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", sample("client")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert "made with seed 7" in said and "all understood" in said and "edit blend" in said
    assert [line for line in said if line[:2] in ("11", "12", "13")] == [
        f"{seed} Finished well" for seed in (11, 12, 13)
    ]
    assert sum(" done draft " in line for line in said) == 5
