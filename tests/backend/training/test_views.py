# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.studio.people import Part
from backend.studio.views import Scene
from backend.training.views import (
    ViewSet,
    held_out_cameras,
    load_views,
    save_views,
    studio_views,
    training_cameras,
)


def card() -> Scene:
    vertices = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]], np.float32)
    texture = np.full((4, 4, 4), (255, 0, 0, 255), np.uint8)
    part = Part("card", vertices, np.array([[0, 1, 2], [0, 2, 3]]), np.full((2, 3, 2), 0.5, np.float32), texture)
    return Scene((part,))


def test_training_never_stands_on_the_held_out_ring() -> None:
    training, held_out = training_cameras(32), held_out_cameras()
    gaps = torch.cdist(training.cam_to_world[:, :3, 3], held_out.cam_to_world[:, :3, 3])
    assert gaps.min() > 0.05
    heights = training.cam_to_world[:, 1, 3]
    assert heights.min() < -1 and heights.max() > 1.2


def test_pictures_are_over_white_and_antialiased() -> None:
    views = studio_views(card(), held_out_cameras(4), 32, samples=3)
    assert torch.equal(views.rgb[0, 0, 0], torch.ones(3)) and views.alpha[0, 0, 0] == 0
    torch.testing.assert_close(views.rgb[0, 16, 16], torch.tensor([1.0, 0, 0]))
    assert ((views.alpha[0] > 0.1) & (views.alpha[0] < 0.9)).any()
    torch.testing.assert_close(views.rgb[..., 1], 1 - views.alpha)


def test_views_come_back_from_disk(tmp_path: Path) -> None:
    views = studio_views(card(), held_out_cameras(3), 16)
    save_views(views, tmp_path / "0.npz")
    again = load_views(tmp_path / "0.npz")
    torch.testing.assert_close(again.rgb, views.rgb, atol=1 / 255, rtol=0)
    torch.testing.assert_close(again.alpha, views.alpha, atol=1 / 255, rtol=0)
    assert torch.equal(again.cameras.cam_to_world, views.cameras.cam_to_world)
    assert [path.name for path in tmp_path.iterdir()] == ["0.npz"]


def test_counts_that_disagree_are_refused() -> None:
    with pytest.raises(ValueError, match="2 cameras"):
        ViewSet(held_out_cameras(2), torch.ones(3, 4, 4, 3), torch.ones(3, 4, 4))
