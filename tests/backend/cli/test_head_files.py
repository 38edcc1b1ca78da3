# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("bpy", reason="bpy is an extra: pip install maquette[blender]")

from backend.cli.frame import Complaint
from backend.cli.head_files import AXES, box_axis, read_head, write_head
from backend.surface.mesh import Mesh
from backend.texture.maps import TextureSet
from blender_addon.scene.axes import AXIS_TO_BOX

QUADS = """
mtllib box.mtl
v -1 -1 1
v 1 -1 1
v 1 1 1
v -1 1 1
v -1 -1 -1
v 1 -1 -1
v 1 1 -1
v -1 1 -1
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl Skin
f 1/1 2/2 3/3 4/4
f 6/1 5/2 8/3 7/4
f 2/1 6/2 7/3 3/4
"""


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """Three sides of a box, with a picture beside it."""
    Image.fromarray(np.full((8, 8, 3), (200, 20, 20), np.uint8)).save(tmp_path / "skin.png")
    (tmp_path / "box.mtl").write_text("newmtl Skin\nmap_Kd skin.png\n")
    (tmp_path / "box.obj").write_text(QUADS)
    return tmp_path / "box.obj"


def test_a_file_comes_back_with_its_new_picture(box: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "work", tmp_path / "out"
    folder.mkdir()
    file = read_head(box, folder)
    head = file.head
    assert len(head.faces) == 6 and head.polygons is not None and head.polygons.tolist() == [0, 0, 1, 1, 2, 2]
    assert head.image is not None and (head.image == (200, 20, 20)).all() and file.notes == ()
    mesh = Mesh(head.vertices, head.faces, head.uv)
    textures = TextureSet(np.full((16, 16, 3), (0, 255, 0), np.uint8), np.ones((16, 16), bool), 1)
    files = write_head(file, mesh, textures, {"kind": "refine", "job_id": "j"}, out)
    assert [each.name for each in files] == [
        "box_refined.png",
        "box_refined.json",
        "box_refined.blend",
        "box_refined.obj",
    ]
    assert "map_Kd box_refined.png" in (out / "box_refined.mtl").read_text()
    assert sum(line.startswith("f ") for line in files[3].read_text().splitlines()) == 3, "quads stay quads"


def test_what_is_not_there_is_said_before_blender_starts(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match="there is no file at"):
        read_head(tmp_path / "none.obj", tmp_path)
    (tmp_path / "head.obj").write_text("v 0 0 0\n")
    with pytest.raises(Complaint, match=r"there is no file at .*mask\.png"):
        read_head(tmp_path / "head.obj", tmp_path, mask=tmp_path / "mask.png")


def test_axes_are_those_of_the_addon() -> None:
    assert AXES == AXIS_TO_BOX and box_axis("Z") == "Y" and box_axis(None) is None
    with pytest.raises(Complaint, match="no axis 'up'"):
        box_axis("up")
