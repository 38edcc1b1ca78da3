# SPDX-License-Identifier: GPL-3.0-or-later
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from backend.cli.frame import run_command_line

HERE = Path(__file__).parents[1]


def load(path: Path, name: str):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A miniature pack, and the toy claim instead of the real ones."""
    toy = load(HERE / "claims/toy.py", "backend.claims.toy")
    monkeypatch.setitem(sys.modules, "backend.claims.toy", toy)
    monkeypatch.setattr("backend.claims.run.CLAIMS", {"T1": "toy"})
    return load(HERE / "studio/miniature.py", "miniature").write_pack(tmp_path / "pack")


def test_json_alone_on_standard_output(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--pack", str(pack), "--out", str(tmp_path / "out"), "--size", "tiny"]
    assert run_command_line(["claims", "T1", "--json", *place]) == 0
    captured = capsys.readouterr()
    (row,) = json.loads(captured.out)
    assert row["id"] == "T1" and row["verdict"] == "reproduced" and len(row["ours"]["seeds"]["mean"]) == 3
    assert "T1: drawing" in captured.err


def test_table_and_page(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "claims.md"
    place = ["--pack", str(pack), "--out", str(tmp_path / "out"), "--size", "tiny", "--minutes", "0"]
    assert run_command_line(["claims", *place, "--report", str(page)]) == 0  # not reproduced is an answer, too
    out = capsys.readouterr().out
    assert out.startswith("T1  not reproduced  published +0.5, ours not measured, no figure")
    assert "**not reproduced**" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["Z9"], "maquette: there is no claim Z9\n"),
        (["--seeds", "2"], "maquette: a claim needs at least 3 seeds, got 2\n"),
        (["--pack", "/nowhere"], "maquette: /nowhere holds no 3dobjs/base.obj\n"),
        ([], "maquette: no asset folder is given\n"),
    ],
)
def test_bad_input_in_one_sentence(
    arguments: list[str], sentence: str, pack: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.delenv("MAQUETTE_PACK", raising=False)
    if "--seeds" in arguments:
        arguments = [*arguments, "--pack", str(pack)]
    assert run_command_line(["claims", *arguments, "--out", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(sentence) and not captured.out
