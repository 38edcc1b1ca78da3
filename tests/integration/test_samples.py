# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripting guide's samples for plain Python run as they stand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.samples import sample

from .conftest import ROOT, Start
from .tiny_runner import put_style


def test_the_client_samples_run(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path / "models"))
    put_style("own", None)
    backend = start(tmp_path / "store", runner="tests.integration.tiny_runner:Stylist")
    (tmp_path / "portrait.jpg").write_bytes(b"\xff\xd8\xff")
    environment = {**os.environ, "MAQUETTE_STATE": str(backend.store), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", sample("client")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert "made with seed 7" in said and "all understood" in said and "edit blend" in said
    assert [line for line in said if line[:2] in ("11", "12", "13")] == [
        f"{seed} Finished well" for seed in (11, 12, 13)
    ]
    assert sum(" done draft " in line for line in said) == 5
    assert (
        "a marble statue" in said
        and "marble: a marble statue, of heads" in said
        and "seed 8 by the style marble" in said
    )
    assert "Welcome" in said and not (tmp_path / "models" / "marble.safetensors").exists()
