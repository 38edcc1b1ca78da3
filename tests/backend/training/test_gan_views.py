# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend.geometry.cameras import Camera, orbit
from backend.studio.dataset import DatasetError
from backend.training.gan_views import FolderViews, PictureSource, StudioViews, picture_source, shrunk
from tests.backend.training.gan_balls import PEOPLE, VIEWS, ball, write_folder, write_shard


def agree(views: PictureSource, radii: list[float]) -> None:
    """Every picture drawn is what its camera sees of a ball of one of these radii."""
    pictures, cameras = views.draw(12, torch.Generator().manual_seed(0))
    for picture, pose, intrinsics in zip(pictures, cameras.cam_to_world, cameras.intrinsics, strict=True):
        errors = []
        for radius in radii:
            rgba = torch.from_numpy(ball(Camera(pose, intrinsics), radius)).float().permute(2, 0, 1) / 255
            over = torch.cat([rgba[:3] + 1 - rgba[3:], rgba[3:]]) * 2 - 1
            errors.append(float((picture - over[: len(picture)]).abs().mean()))
        assert min(errors) < 0.01


def test_studio_views_are_what_their_cameras_see_mirrored_ones_too(tmp_path: Path) -> None:
    views = StudioViews(write_shard(tmp_path), 32)
    assert len(views) == 2 * PEOPLE * VIEWS and views.channels == 4
    # The ball's right half is red: in a mirror image it would be blue, so only one half of the draw is looked at.
    pictures, cameras = views.draw(40, torch.Generator().manual_seed(0))
    seen = {tuple(pose[:3, 3].mul(100).round().int().tolist()) for pose in cameras.cam_to_world}
    assert any((-x, y, z) in seen for x, y, z in seen if abs(x) > 20)
    for pose in cameras.cam_to_world:
        torch.testing.assert_close(pose[:3, :3] @ pose[:3, :3].T, torch.eye(3), atol=1e-5, rtol=0)
        assert float(torch.linalg.det(pose[:3, :3])) > 0.99
    coverage = (pictures[:, 3] > 0).float()
    torch.testing.assert_close(pictures[:, :3][coverage[:, None].expand(-1, 3, -1, -1) == 0].min(), torch.tensor(1.0))


def test_a_mirrored_camera_sees_the_mirrored_world(tmp_path: Path) -> None:
    views = StudioViews(write_shard(tmp_path), 32)
    own, mirrored = (views.cameras_of(torch.tensor([row])) for row in (1, 1 + PEOPLE * VIEWS))
    points = torch.tensor([[0.3, 0.2, 0.1], [-0.5, 0.1, 0.4]])
    here, _ = Camera(own.cam_to_world[0], own.intrinsics[0]).project(points)
    there, _ = Camera(mirrored.cam_to_world[0], mirrored.intrinsics[0]).project(points * torch.tensor([-1.0, 1, 1]))
    torch.testing.assert_close(there, torch.stack([1 - here[:, 0], here[:, 1]], 1))


@pytest.mark.parametrize("coverage", [False, True])
def test_folders_in_eg3ds_form_are_brought_into_our_box(tmp_path: Path, coverage: bool) -> None:
    views = picture_source(write_folder(tmp_path / "set", coverage), 32)
    assert isinstance(views, FolderViews) and len(views) == 3 and views.channels == (4 if coverage else 3)
    torch.testing.assert_close(views.cameras(1, torch.Generator().manual_seed(0)).cam_to_world[0, :3, 3].norm(),
                               orbit(0.3).cam_to_world[:3, 3].norm(), atol=0.01, rtol=0)  # fmt: skip
    agree(views, [0.6])


def test_a_folder_that_cannot_be_used_is_named_in_one_sentence(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set")
    entries = json.loads((folder / "dataset.json").read_text())["labels"]
    cases = {
        "finite numbers": {"labels": [[entries[0][0], entries[0][1][:24]]]},
        "not there": {"labels": [["00000/none.png", entries[0][1]]]},
        "cannot be read": {"pictures": []},
    }
    for message, content in cases.items():
        (folder / "dataset.json").write_text(json.dumps(content))
        with pytest.raises(DatasetError, match=message):
            FolderViews(folder, 32)
    (folder / "dataset.json").write_text(json.dumps({"labels": entries}))
    (folder / entries[1][0]).write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="no picture"):
        FolderViews(folder, 32).draw(12, torch.Generator().manual_seed(0))
    Image.new("RGB", (8, 4)).save(folder / entries[1][0])
    with pytest.raises(DatasetError, match="unlike"):
        FolderViews(folder, 32).draw(12, torch.Generator().manual_seed(0))


def test_views_shrink_by_area_and_do_not_grow() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8, 4), dtype=np.uint8)
    small = shrunk(pictures, 4)
    assert small.shape == (6, 4, 4, 4)
    assert abs(float(small[0, 0, 0, 0]) - pictures[0, 0, :2, :2, 0].mean()) <= 0.5
    with pytest.raises(DatasetError, match="16 are wanted"):
        shrunk(pictures, 16)
