# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette populate` with a real backend process; the scene is written by a real Blender where there is one."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from backend.cli import populate
from backend.cli.frame import Complaint, run_command_line
from blender_addon.launcher import Launched, command_for, start
from tests.integration.tiny_runner import SLOW

ROOT = Path(__file__).parents[3]
SPEC = {"count": 8, "seeds": [10, 11, 12], "layout": {"kind": "circle"}}
blender = pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is an extra: pip install maquette[blender]")


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launched]:
    """A backend whose runner needs no model."""
    monkeypatch.setenv("MAQUETTE_STATE", str(tmp_path / "state"))
    command = [*command_for(sys.executable), "--runner", "tests.integration.tiny_runner:TinyRunner"]
    launched = start(command, tmp_path / "state", folder=ROOT)
    launched.wait(60)
    yield launched
    launched.stop()


def written(folder: Path, **others: Any) -> str:
    file = folder / "crowd.json"
    file.write_text(json.dumps(SPEC | others))
    return str(file)


@pytest.mark.blender
@blender
def test_a_crowd_is_written_and_the_second_time_nobody_is_made(
    running: Launched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "crowd.blend"
    assert run_command_line(["populate", written(tmp_path), "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert "8 people, 3 distinct (3 made now)" in told.out and "person 2 of 3" in told.err
    manifest = json.loads(out.with_suffix(".crowd.json").read_text())
    assert len(manifest["standing"]) == 8 and [each["source"] for each in manifest["people"]] == [10, 11, 12]
    assert out.read_bytes()[:4] in (b"BLEN", b"\x28\xb5\x2f\xfd")  # plain, or compressed by zstd
    assert run_command_line(["populate", written(tmp_path), "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert run_command_line(["populate", written(tmp_path, count=20), "--out", str(out), "--overwrite"]) == 0
    assert "20 people, 3 distinct (0 made now)" in capsys.readouterr().out


@pytest.mark.blender
@blender
def test_killed_in_the_middle_it_goes_on_with_who_is_missing(running: Launched, tmp_path: Path) -> None:
    out, store = tmp_path / "crowd.blend", tmp_path / "crowd.people"
    command = [sys.executable, "-m", "backend", "populate", written(tmp_path, seeds=[10, SLOW, 12]), "--out", str(out)]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not list(store.glob("[!.]*")) and time.monotonic() < end:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = [each.name for each in store.glob("[!.]*")]
    assert len(done) == 1 and not out.exists()
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert second.returncode == 0, second.stderr
    assert "3 distinct (2 made now)" in second.stdout
    assert done[0] in {each.name for each in store.iterdir()}


@pytest.mark.blender
@blender
def test_objects_of_a_scene_are_asked_before_anyone_is_made(
    running: Launched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "import bpy; bpy.ops.mesh.primitive_plane_add(size=3); bpy.ops.wm.save_as_mainfile(filepath={!r})"
    made = subprocess.run([sys.executable, "-c", code.format(str(tmp_path / "room.blend"))], capture_output=True)
    assert made.returncode == 0
    out = str(tmp_path / "crowd.blend")
    surface = {"layout": {"kind": "surface", "object": "Plane"}, "scene": "room.blend"}
    assert run_command_line(["populate", written(tmp_path, **surface, count=200), "--out", out]) == 2
    assert "has room for about" in capsys.readouterr().err
    assert not (tmp_path / "crowd.people").exists()
    assert run_command_line(["populate", written(tmp_path, **surface), "--out", out]) == 0


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ({"colour": 1}, "there is no key colour"),
        ({"spacing": 0.1}, "spacing must be at least"),
        ({"layout": {"kind": "curve", "path": [[0, 0], [2, 0]]}}, "the path has room for 3 people 0.7 m apart"),
    ],
)
@blender
def test_mistakes_in_the_specification_are_sentences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], others: dict, sentence: str
) -> None:
    assert run_command_line(["populate", written(tmp_path, **others), "--out", str(tmp_path / "a.blend")]) == 2
    assert f"maquette: {sentence}" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["crowd.json"]


@pytest.mark.blender
@blender
def test_a_crowd_of_sentences(running: Launched, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    described = {name: value for name, value in SPEC.items() if name != "seeds"} | {"sentences": ["an old man"]}
    (tmp_path / "crowd.json").write_text(json.dumps(described))
    out = tmp_path / "a.blend"
    assert run_command_line(["populate", str(tmp_path / "crowd.json"), "--out", str(out)]) == 0
    assert "8 people, 1 distinct (1 made now)" in capsys.readouterr().out
    (person,) = json.loads(out.with_suffix(".crowd.json").read_text())["people"]
    assert person["source"] == "an old man" and person["recipe"]["options"]["sentence"] == "an old man"
    assert "source" not in person["recipe"]


def test_the_flags_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["populate"]) == 2
    assert "the specification and --out are both needed" in capsys.readouterr().err
    assert run_command_line(["populate", written(tmp_path), "--out", str(tmp_path / "a.glb")]) == 2
    assert "--out must be a .blend file" in capsys.readouterr().err
    assert run_command_line(["populate", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Maquette crowd"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A search path with one folder, and no bpy."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(populate, "find_spec", lambda name: None)
    return folder


def program(file: Path, says: str) -> None:
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")
def test_without_a_blender_it_says_so_and_takes_one_that_is_there(bare: Path) -> None:
    with pytest.raises(Complaint, match="neither the bpy module nor a blender on the search path"):
        populate.blender_command("")
    with pytest.raises(Complaint, match="nosuch is no program"):
        populate.blender_command("nosuch")
    program(bare / "blender", "Blender 3.6.1")
    with pytest.raises(Complaint, match=r"is no Blender from 4\.2 on"):
        populate.blender_command("")
    program(bare / "blender", "Blender 4.3.2")
    command = populate.blender_command("")
    assert command[0] == str(bare / "blender") and "--background" in command and command[-1] == "--python-expr"
    with pytest.raises(Complaint, match="Blender ended with status 0 before the scene was written"):
        populate._in_blender(command, {})


def test_points_too_many_for_a_command_line_reach_blender(tmp_path: Path) -> None:
    """Through the same door as a Blender, but a plain Python that only says what it got."""
    (tmp_path / "blender_addon").mkdir()
    (tmp_path / "blender_addon" / "__init__.py").write_text("")
    (tmp_path / "blender_addon" / "crowd_scene.py").write_text(
        "import json\ndef run_file(job): print('maquette populate: ' + json.dumps({'length': len(job)}))\n"
    )
    job = {"points": [[number, 0] for number in range(200_000)]}
    answer = populate._in_blender([sys.executable, "-c"], job, root=tmp_path)
    assert answer == {"length": len(json.dumps(job))}
