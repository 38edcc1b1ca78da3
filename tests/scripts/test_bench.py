# SPDX-License-Identifier: GPL-3.0-or-later
import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import bench  # noqa: E402


def test_rows_are_timed_and_say_what_did_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    table = bench.Table(as_json=True)
    assert table.timed("a stage", lambda: 7, repeat=2) == 7
    table.row("a peer", None, bench.NOT_RUN)
    timed, missing = map(json.loads, capsys.readouterr().out.splitlines())
    assert 0 <= timed["seconds"] < 1 and timed["peak_mib"] > 10
    assert missing["seconds"] is None and "TRIPOSR_DIR" in missing["note"]
    assert list(table.seconds) == ["a stage"]


def test_ratios_say_whether_they_are_reached(capsys: pytest.CaptureFixture[str]) -> None:
    table = bench.Table(as_json=True)
    table.ratio("fast", 1.0, 4.0, 1 / 3)
    table.ratio("slow", 2.0, 4.0, 1 / 3)
    table.ratio("for comparison", 2.0, 4.0, None)
    assert [json.loads(line)["reached"] for line in capsys.readouterr().out.splitlines()] == [True, False, None]


def test_without_a_peer_every_row_of_it_says_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIPOSR_DIR", raising=False)
    flags = argparse.Namespace(resolution=256, texture=2048, faces=20_000, skip_raw_unwrap=False)
    bench.peer(bench.Table(as_json=True), flags, None, None, None)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 6 and all(row["note"] == bench.NOT_RUN for row in rows)


def test_help_answers_at_once() -> None:
    done = subprocess.run([sys.executable, "scripts/bench.py", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "TRIPOSR_DIR" in done.stdout


def test_pictures_that_are_not_rendered_say_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EG3D_DIR", "MAQUETTE_PACK"):
        monkeypatch.delenv(name, raising=False)
    bench.rendering(bench.Table(as_json=True))
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["seconds"] for row in rows] == [None, None]
    assert "EG3D_DIR" in rows[0]["note"] and "MAQUETTE_PACK" in rows[1]["note"]
