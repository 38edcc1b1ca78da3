# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads through files of all kinds: what comes in goes out again, with a new picture in a new slot."""

import json

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import head_files  # noqa: E402
from blender_addon.scene import png  # noqa: E402
from tests.blender.fingerprints import of_head  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]


@pytest.fixture
def ball(empty):
    bpy.ops.mesh.primitive_uv_sphere_add(segments=10, ring_count=6)
    bpy.context.object.name = "Head"
    bpy.context.object.data.materials.append(bpy.data.materials.new("Skin"))
    return bpy.context.object


def saved(folder, suffix: str):
    path = folder / f"head{suffix}"
    if suffix == ".blend":
        bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)
    elif suffix == ".glb":
        bpy.ops.export_scene.gltf(filepath=str(path))
    elif suffix == ".fbx":
        bpy.ops.export_scene.fbx(filepath=str(path))
    else:
        getattr(bpy.ops.wm, f"{suffix[1:]}_export")(filepath=str(path))
    return path


def answer(capfd, job: dict) -> dict:
    capfd.readouterr()
    head_files.run_file(job)
    lines = [each for each in capfd.readouterr().out.splitlines() if each.startswith(head_files.RESULT)]
    assert len(lines) == 1
    return json.loads(lines[0].removeprefix(head_files.RESULT))


def read_job(path, folder, **changes) -> dict:
    plain = {"task": "read", "mesh": str(path), "object": "", "layer": "", "group": "", "mask": ""}
    return plain | {"arrays": str(folder / "head.npz"), "scene": str(folder / "scene.blend")} | changes


@pytest.mark.parametrize("suffix", [".blend", ".fbx", ".glb", ".obj", ".ply", ".stl"])
def test_a_head_goes_in_and_comes_out_with_a_new_slot(ball, suffix, tmp_path, capfd):
    path = saved(tmp_path, suffix)
    told = answer(capfd, read_job(path, tmp_path))
    assert told["notes"] == []
    with np.load(tmp_path / "head.npz") as held:
        arrays = {name: held[name] for name in held.files}
    # 10 x 6 globe: 40 quads and 20 triangles, whatever the format made of the quads
    assert len(arrays["faces"]) == 100 and ("uv" in arrays) == (suffix != ".stl")
    assert np.abs(arrays["vertices"]).max() == pytest.approx(1, abs=1e-3)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    before = of_head(bpy.data.objects[told["object"]])
    texture = tmp_path / "head_refined.png"
    texture.write_bytes(png.encode_now(np.full((4, 4, 3), (0, 255, 0), np.uint8)))
    places = arrays["uv"][arrays["faces"]] if "uv" in arrays else np.full((100, 3, 2), 0.25, np.float32)
    held = {"uv": places} if "uv" in arrays else {}
    np.savez(tmp_path / "places.npz", corners=arrays["corners"], places=places, faces=np.zeros(0, np.int32), **held)
    job = {"task": "write", "scene": str(tmp_path / "scene.blend"), "object": told["object"]}
    job |= {"counts": told["counts"], "places": str(tmp_path / "places.npz"), "texture": str(texture)}
    job |= {"recipe": {"kind": "refine", "job_id": "j"}, "out": str(tmp_path), "suffix": suffix}
    files = answer(capfd, job)["files"]
    assert files[0].endswith("_refined.blend") and len(files) == 1 + (suffix != ".blend")
    bpy.ops.wm.open_mainfile(filepath=files[0])
    after = of_head(bpy.data.objects[told["object"]])
    assert {name: after[name] for name in before} == before
    assert len(set(after) - set(before)) == 1 + (suffix == ".stl")
    assert bpy.data.images[f"{told['object']} refined"].packed_file


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("head.docx", b"PK", "head.docx is no mesh that can be read"),
        ("head.obj", b"", "holds no mesh with faces"),
        ("head.glb", b"not a scene", "head.glb cannot be read as GLB"),
        ("head.fbx", b"Kaydara", "head.fbx cannot be read as FBX"),
        ("head.stl", b"solid\nendsolid\n", "head.stl"),
        ("head.ply", b"ply\nformat", "head.ply"),
        ("head.blend", b"BLENDER-v999", "head.blend cannot be read as BLEND"),
        ("points.obj", b"v 0 0 0\nv 1 0 0\nl 1 2\n", "holds no mesh with faces"),
    ],
)
def test_files_that_hold_no_head_are_a_sentence(name, content, sentence, tmp_path, capfd):
    (tmp_path / name).write_bytes(content)
    told = answer(capfd, read_job(tmp_path / name, tmp_path))
    assert sentence in told["message"] and told["hint"] and "\n" not in told["message"]


def test_of_several_meshes_the_largest_or_the_named_one_is_taken(ball, tmp_path, capfd):
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.object.name = "Hat"
    path = saved(tmp_path, ".blend")
    told = answer(capfd, read_job(path, tmp_path))
    assert told["object"] == "Head" and "the largest of 2 meshes" in told["notes"][0]
    assert answer(capfd, read_job(path, tmp_path, object="Hat"))["object"] == "Hat"
    assert "no mesh object 'Scarf'" in answer(capfd, read_job(path, tmp_path, object="Scarf"))["message"]
    assert "no vertex group 'Nose'" in answer(capfd, read_job(path, tmp_path, group="Nose"))["message"]
    assert "mask" in answer(capfd, read_job(path, tmp_path, mask=str(tmp_path / "none.png")))["message"]
