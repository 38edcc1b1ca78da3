# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from backend.studio.people import Part
from backend.training.sources.errors import SourceError
from backend.training.sources.mesh import part_colours
from backend.training.sources.mesh_files import corner_atlas, has_cutouts, read_parts

OBJ = """mtllib two.mtl
v 0 0 0
v 1 0 0
v 1 1 0
v 0 1 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl picture
f 1/1 2/2 3/3
usemtl plain
f 1/1 3/3 4/4
"""
MTL = "newmtl picture\nKd 1 1 1\nmap_Kd two.png\nnewmtl plain\nKd 0.2 0.4 0.6\n"


def test_an_obj_with_several_materials(tmp_path: Path) -> None:
    (tmp_path / "two.obj").write_text(OBJ)
    (tmp_path / "two.mtl").write_text(MTL)
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:2] = (250, 10, 10)  # the upper half, where v > 0.5
    Image.fromarray(picture).save(tmp_path / "two.png")
    parts, notes = read_parts(tmp_path / "two.obj")
    by_name = {part.name: part for part in parts}
    assert notes == [] and sorted(by_name) == ["picture", "plain"]
    np.testing.assert_array_equal(part_colours(by_name["plain"], np.full((1, 2), 0.5)), [[51, 102, 153]])
    np.testing.assert_array_equal(part_colours(by_name["picture"], np.array([[0.5, 0.9]])), [[250, 10, 10]])
    np.testing.assert_array_equal(part_colours(by_name["picture"], np.array([[0.5, 0.1]])), [[0, 0, 0]])
    assert by_name["picture"].uv.shape == (1, 3, 2)


def test_pictures_that_are_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "two.obj").write_text(OBJ)
    (tmp_path / "two.mtl").write_text(MTL)
    _, notes = read_parts(tmp_path / "two.obj")
    assert any("two.png" in note for note in notes)
    (tmp_path / "two.mtl").unlink()
    _, notes = read_parts(tmp_path / "two.obj")
    assert any("two.mtl" in note for note in notes) and any("grey" in note for note in notes)


@pytest.mark.parametrize("suffix", ["ply", "glb", "obj"])
def test_vertex_colours_are_linear_over_triangles(tmp_path: Path, suffix: str) -> None:
    box = trimesh.creation.box()
    box.visual.vertex_colors = np.random.default_rng(0).integers(90, 170, (8, 4), np.uint8) | [0, 0, 0, 255]
    box.export(tmp_path / f"box.{suffix}")
    (part,), notes = read_parts(tmp_path / f"box.{suffix}")
    assert not notes and len(part.vertices) == 8 and len(part.triangles) == 12
    corners = {tuple(place): colour[:3] for place, colour in zip(box.vertices, box.visual.vertex_colors, strict=True)}
    weights = np.array([0.2, 0.3, 0.5])
    expected = [weights @ [corners[tuple(part.vertices[v])] for v in triangle] for triangle in part.triangles]
    found = part_colours(part, np.einsum("c,fcd->fd", weights, part.uv))
    assert np.abs(found - expected).max() <= 2


def test_a_corner_atlas_keeps_its_corners() -> None:
    colours = np.random.default_rng(1).integers(0, 255, (7, 3, 4), np.uint8)
    uv, texture = corner_atlas(colours)
    part = Part("a", np.zeros((3, 3)), np.zeros((7, 3), int), uv, texture)
    np.testing.assert_array_equal(part_colours(part, uv.reshape(-1, 2)), colours.reshape(-1, 4)[:, :3])


def test_nodes_of_a_scene_place_their_meshes_and_mirrors_do_not_turn_them_inside_out(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    moved = np.diag([1.0, 2.0, 1.0, 1.0])
    moved[:3, 3] = (5, 0, 0)
    scene.add_geometry(trimesh.creation.box(), transform=moved)
    scene.add_geometry(trimesh.creation.box(), transform=np.diag([-1.0, 1.0, 1.0, 1.0]))
    scene.export(tmp_path / "two.glb")
    parts, _ = read_parts(tmp_path / "two.glb")
    volumes = [trimesh.Trimesh(part.vertices, part.triangles, process=False).volume for part in parts]
    np.testing.assert_allclose(sorted(volumes), [1, 2])
    assert max(part.vertices[:, 0].max() for part in parts) == pytest.approx(5.5)


def test_material_factors_of_gltf_are_linear(tmp_path: Path) -> None:
    box = trimesh.creation.box()
    box.visual = trimesh.visual.TextureVisuals(
        uv=np.zeros((8, 2)), material=trimesh.visual.material.PBRMaterial(baseColorFactor=[128, 0, 255, 255])
    )
    box.export(tmp_path / "box.glb")
    (part,), _ = read_parts(tmp_path / "box.glb")
    np.testing.assert_allclose(part.texture[0, 0], [188, 0, 255, 255], atol=1)


def test_cards_are_told_from_unused_transparent_texels() -> None:
    texture = np.full((8, 8, 4), 255, np.uint8)
    texture[:, 4:, 3] = 0
    left = np.array([[[0.0, 0], [0.4, 0], [0.4, 1]]], np.float32)
    solid = Part("solid", np.eye(3), np.array([[0, 1, 2]]), left, texture)
    card = Part("card", np.eye(3), np.array([[0, 1, 2]]), left + np.float32([0.3, 0]), texture)
    assert not has_cutouts((solid,)) and has_cutouts((solid, card))


def _points(path: Path) -> None:
    trimesh.PointCloud(np.eye(3)).export(path)


def _nan(path: Path) -> None:
    path.write_text("v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")


BAD = {
    "kind.txt": (lambda path: path.write_text("x"), "not a mesh that can be read"),
    "damaged.glb": (lambda path: path.write_bytes(b"glTF" + b"\0" * 40), "cannot be read as a GLB mesh"),
    "lost.gltf": (
        lambda path: path.write_text('{"asset":{"version":"2.0"},"buffers":[{"uri":"a.bin","byteLength":4}]}'),
        "cannot be read as a GLTF mesh",
    ),
    "empty.obj": (lambda path: path.write_text("# nothing\n"), "no triangles|cannot be read"),
    "empty.stl": (lambda path: path.write_bytes(b""), "no triangles|cannot be read"),
    "points.ply": (_points, "holds no triangles"),
    "nan.obj": (_nan, "1 of 3 vertices at places that are not numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_answered_in_one_sentence(tmp_path: Path, name: str) -> None:
    write, says = BAD[name]
    write(tmp_path / name)
    with pytest.raises(SourceError, match=says) as caught:
        read_parts(tmp_path / name)
    assert "\n" not in caught.value.message and caught.value.hint


def test_too_many_faces_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.training.sources.mesh_files.MOST_FACES", 11)
    trimesh.creation.box().export(tmp_path / "box.stl")
    with pytest.raises(SourceError, match="has 12 triangles, 11 can be fitted"):
        read_parts(tmp_path / "box.stl")
