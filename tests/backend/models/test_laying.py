# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import torch

from backend.geometry.alignment import MEAN_FACE, aligned_camera
from backend.models.laying import frontal_depth, lay_on_plane

SIDE = 64


def marked(camera, points: np.ndarray) -> torch.Tensor:
    """A picture with a bright spot where each point is seen."""
    picture = torch.zeros(1, 4, 128, 128)
    places, _ = camera.project(torch.from_numpy(points).float())
    for x, y in (places * 128).long().tolist():
        picture[0, :, y - 1 : y + 2, x - 1 : x + 2] = 1
    return picture


def test_eyes_and_mouth_come_to_lie_where_they_are_from_any_side() -> None:
    depth = torch.full((SIDE, SIDE), float(MEAN_FACE[:2, 2].mean()))
    for azimuth, elevation in ((0.0, 0.0), (0.3, -0.1), (-0.5, 0.15)):
        eyes = np.asarray(MEAN_FACE[:2])
        picture = marked(aligned_camera(MEAN_FACE, azimuth, elevation), eyes)
        laid = lay_on_plane(picture, torch.tensor([[azimuth, elevation]]), depth)[0, 0]
        for x, y, _ in eyes:
            row, column = int((y + 1) / 2 * SIDE), int((x + 1) / 2 * SIDE)
            assert laid[row, column] > 0.5
        assert laid.sum() < 40  # nothing else is bright


def test_beyond_the_picture_there_is_nothing() -> None:
    laid = lay_on_plane(torch.ones(1, 4, 32, 32), torch.zeros(1, 2), torch.zeros(SIDE, SIDE))
    assert laid[0, 0, 40, 32] == 1 and laid[0, :, 0, 0].eq(0).all()


def test_depth_of_half_covered_places_is_not_halved() -> None:
    views = torch.zeros(3, 10, 4, 4)
    views[0, 3], views[0, 8] = -1, 0.0
    views[0, 3, 0, 0], views[0, 8, 0, 0] = 0.0, 0.2  # half of it is covered, at 0.4
    depth = frontal_depth(views)
    assert abs(float(depth[0, 0]) - 0.4) < 1e-6 and float(depth[3, 3]) == 0
