# SPDX-License-Identifier: GPL-3.0-or-later
import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from backend.cli.fit import kind_of
from backend.cli.frame import Complaint, run_command_line
from backend.evaluation import fitted
from backend.geometry.cameras import orbit
from backend.geometry.rendering import render
from backend.studio.parameters import SAMPLER_VERSION
from backend.training.sources import hull
from backend.training.sources.field_file import load_field
from backend.training.subjects import save_subject
from tests.backend.training.balls import Ball, ball_subject

QUICK = ["--steps", "40", "--resolution", "16", "--view-size", "32"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in (
        (fitted, "CELLS", 32), (fitted, "FACES", 400), (fitted, "TEXTURE", 64), (hull, "SIDE", 32),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Eight pictures of a ball of radius 0.5 with cameras in instant-ngp's way to write them."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    frames = []
    for k in range(8):
        camera = orbit(2 * math.pi * k / 8, 0.3 * math.sin(k), target=(0.0, 0.0, 0.0))
        view = render(Ball(0.5, (0.8, 0.3, 0.2)), camera, 32, 32, background=0.0)
        rgba = np.concatenate([view.rgb / view.alpha.clamp_min(1e-3)[..., None], view.alpha[..., None]], -1)
        Image.fromarray((rgba.clip(0, 1) * 255).astype(np.uint8)).save(folder / f"{k}.png")
        matrix = camera.cam_to_world.double().numpy() @ np.diag([1, -1, -1, 1])
        frames.append({"file_path": f"{k}.png", "transform_matrix": matrix.tolist()})
    focal = 16 / math.tan(0.4538 / 2)
    header = {"fl_x": focal, "fl_y": focal, "cx": 16, "cy": 16, "w": 32, "h": 32, "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(header))
    return folder


def test_pictures_become_a_field_a_sheet_a_mesh_and_figures(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_command_line(["fit", str(pictures), "--out", str(out), *QUICK]) == 0
    assert {file.name for file in out.iterdir()} == set(fitted.FILES)
    assert "dB on held-out views" in capsys.readouterr().out
    record = json.loads((out / "fit.json").read_text())
    assert record["kind"] == "pictures" and record["steps"] == 40 and record["views"] == {
        "trained": 7, "held_out": 1, "size": [32, 32],
    }  # fmt: skip
    mesh = trimesh.load(out / "mesh.glb", force="mesh")
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1).mean(), 0.5, atol=0.08)
    assert load_field(out / "field.safetensors").field.triplane.planes.shape == (1, 3, 16, 16, 16)
    assert run_command_line(["fit", str(pictures), "--out", str(out), *QUICK]) == 2
    assert "already holds a fit" in capsys.readouterr().err


def test_a_mesh_comes_back_in_its_own_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ball = trimesh.creation.icosphere(subdivisions=2, radius=30)
    ball.apply_translation([0, 100, 0])
    ball.invert()
    ball.export(tmp_path / "ball.ply")
    assert run_command_line(["fit", str(tmp_path / "ball.ply"), "--out", str(tmp_path / "out"), *QUICK]) == 0
    assert "inside out" in capsys.readouterr().err
    mesh = trimesh.load(tmp_path / "out/mesh.glb", force="mesh")
    np.testing.assert_allclose(mesh.bounds, [[-30, 70, -30], [30, 130, 30]], atol=4)


def test_replay_fits_everyone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = Path(__file__).parents[1] / "studio/miniature.py"
    spec = importlib.util.spec_from_file_location("miniature", place)
    miniature = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(miniature)
    pack = miniature.write_pack(tmp_path / "pack")
    people, out = tmp_path / "people", tmp_path / "out"
    people.mkdir()
    (people / "people_00000000_00000002.npz").write_bytes(b"")
    for index in range(2):  # their pictures are there already
        save_subject(ball_subject(index), out / "subjects", SAMPLER_VERSION)
    command = ["fit", str(people), "--out", str(out), "--method", "replay", "--pack", str(pack)]
    command += ["--steps", "2", "--resolution", "16", "--channels", "4", "--minutes", "0.0001"]
    assert run_command_line(command) == 0
    assert "2 people fitted" in capsys.readouterr().out
    index = json.loads((out / "fitted/index.json").read_text())
    assert sorted(index) == ["00000000", "00000001"] and all("psnr" in one["figures"] for one in index.values())
    report = json.loads((out / "report.json").read_text())
    assert report["people"] == 2 and report["stage2"]["psnr"] > 0 and report["stage2"]["problems"] == {}


def test_what_a_path_holds(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards/people_00000000_00000016.npz").write_bytes(b"")
    (tmp_path / "a.obj").write_text("")
    assert kind_of(pictures) == "pictures"
    assert kind_of(tmp_path / "shards") == "shards"
    assert kind_of(tmp_path / "a.obj") == "mesh"
    for path, says in ((tmp_path / "gone", "is not there"), (tmp_path, "holds nothing to fit")):
        with pytest.raises(Complaint, match=says):
            kind_of(path)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--centre", "0", "0", "0"], "--centre and --radius belong together"),
        (["--centre", "0", "0", "--radius", "1"], "--centre and --radius belong together"),
        (["--centre", "0", "0", "0", "--radius", "-1"], "holds nothing"),
        (["--centre", "0", "0", "0", "--radius", "50"], "stand inside the box"),
    ],
)
def test_bad_options_are_answered_in_two_lines_and_nothing_is_written(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    assert run_command_line(["fit", str(pictures), "--out", str(tmp_path / "out"), *options]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("reading")]
    assert len(lines) == 2 and says in lines[0] and not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("option", ["--steps=0", "--resolution=-4", "--view-size=2", "--minutes=0", "--workers=0"])
def test_numbers_that_make_no_sense(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert run_command_line(["fit", str(pictures), "--out", str(tmp_path / "out"), option]) == 2
    name, value = option.split("=")
    assert f"{name} is {value}" in capsys.readouterr().err and not (tmp_path / "out").exists()
