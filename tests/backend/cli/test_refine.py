# SPDX-License-Identifier: GPL-3.0-or-later
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.cli.frame import run_command_line
from backend.refinement import priors
from backend.refinement.prior import PRIORS
from tests.backend.texture.ball import ball


def write_obj(path: Path) -> Path:
    """The ball as a text file."""
    mesh, _ = ball()
    assert mesh.uv is not None
    lines = [f"v {x} {y} {z}" for x, y, z in mesh.vertices]
    lines += [f"vt {u} {v}" for u, v in mesh.uv]
    lines += ["f " + " ".join(f"{corner}/{corner}" for corner in face) for face in mesh.faces + 1]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--strength", "2"], "strength is a number from 0 to 1"),
        (["--views", "99"], "views is a whole number from 1 to 16"),
        (["--refiner", "reproject"], "reproject works from a portrait"),
        (["--portrait", "/nowhere/me.jpg"], "/nowhere/me.jpg cannot be read"),
        (["--up", "Z", "--front=-Z"], "cannot look along"),
        (["--mask", "/nowhere/mask.png"], "there is no file at /nowhere/mask.png"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    arguments: list[str], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write_obj(tmp_path / "head.obj")
    assert run_command_line(["refine", str(source), *arguments, "--out", str(tmp_path / "out")]) == 2
    assert part in capsys.readouterr().err
    assert not list(tmp_path.glob("out/*"))


def test_a_missing_mesh_and_a_taken_folder_are_one_sentence_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["refine", str(tmp_path / "no.obj"), "--out", str(tmp_path / "out")]) == 2
    assert "there is no file at" in capsys.readouterr().err
    (tmp_path / "out/no_refined.png").write_bytes(b"mine")
    assert run_command_line(["refine", str(tmp_path / "no.obj"), "--out", str(tmp_path / "out")]) == 2
    assert "already holds a refined head" in capsys.readouterr().err


@pytest.mark.blender
@pytest.mark.slow
@pytest.mark.skipif(find_spec("bpy") is None, reason="reading files takes Blender")
def test_a_file_comes_back_with_its_new_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    priors._kept.cache_clear()
    monkeypatch.setitem(PRIORS, "diffuse-local", "tests.backend.refinement.priors:load")
    source = write_obj(tmp_path / "head.obj")
    out = tmp_path / "out"
    arguments = ["--prompt", "a red face", "--views", "2", "--size", "256", "--up", "Y", "--front", "Z"]
    assert run_command_line(["refine", str(source), *arguments, "--out", str(out)]) == 0
    names = {path.name for path in out.iterdir()}
    assert {"head_refined.png", "head_refined.json", "head_refined.blend", "head_refined_preview.png"} <= names
    recipe = json.loads((out / "head_refined.json").read_text())
    assert recipe["kind"] == "refine" and recipe["parameters"]["prompt"] == "a red face"
    picture = np.asarray(Image.open(out / "head_refined.png").convert("RGB")).astype(int)
    assert picture.shape == (256, 256, 3) and (picture[..., 0] - picture[..., 1]).mean() > 10
    assert "wrote" in capsys.readouterr().out
