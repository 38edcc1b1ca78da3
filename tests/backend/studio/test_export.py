# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import numpy as np
from PIL import Image

from backend.studio.assets import Pack
from backend.studio.export import DEPTH_UNITS, write_person
from backend.studio.parameters import sample_parameters
from backend.studio.people import build_person
from backend.studio.views import FLOOR


def test_files_of_a_person_agree_with_each_other(pack: Pack, tmp_path: Path) -> None:
    person = build_person(sample_parameters(3, pack), pack)
    write_person(person, tmp_path, views=3, size=48)
    lines = (tmp_path / "person.obj").read_text().splitlines()
    vertices = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
    faces = [[int(corner.split("/")[0]) for corner in line.split()[1:]] for line in lines if line.startswith("f ")]
    assert np.max(faces) == len(vertices) and np.min(faces) == 1
    assert {f"usemtl {part.name}" for part in person.parts} <= set(lines)
    assert json.loads((tmp_path / "person.json").read_text())["caption"]

    cameras = json.loads((tmp_path / "transforms.json").read_text())
    focal = 24 / np.tan(cameras["camera_angle_x"] / 2)
    for frame in cameras["frames"]:
        rgba = np.asarray(Image.open(tmp_path / frame["file_path"]))
        depth = np.asarray(Image.open(tmp_path / frame["depth_file_path"])).astype(float) / DEPTH_UNITS
        row, column = np.argwhere((rgba[..., 3] == 255) & (depth > 0)).mean(0).astype(int)
        ray = np.array([(column + 0.5 - 24) / focal, -(row + 0.5 - 24) / focal, -1.0])
        pose = np.array(frame["transform_matrix"])
        point = pose[:3, 3] + depth[row, column] * (pose[:3, :3] @ ray) / np.linalg.norm(ray)
        assert np.abs(point[[0, 2]]).max() < 1.1 and FLOOR - 0.05 < point[1] < 1.1
