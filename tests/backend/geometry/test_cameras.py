# SPDX-License-Identifier: GPL-3.0-or-later
import math

import torch

from backend.geometry.cameras import orbit


def test_projection_undoes_rays() -> None:
    camera = orbit(0.7, 0.3)
    rays = camera.rays(4, 6)
    image, depth = camera.project(rays.origins + 2.5 * rays.directions)
    v, u = torch.meshgrid((torch.arange(4) + 0.5) / 4, (torch.arange(6) + 0.5) / 6, indexing="ij")
    torch.testing.assert_close(image, torch.stack([u, v], -1).reshape(-1, 2), atol=1e-5, rtol=0)
    assert (depth > 0).all() and (depth <= 2.5 + 1e-5).all()


def test_azimuth_zero_sees_the_face_and_right_of_image_is_plus_x() -> None:
    camera = orbit(0.0)
    torch.testing.assert_close(camera.cam_to_world[:3, 2], torch.tensor([0.0, 0.0, -1.0]))
    image, _ = camera.project(torch.tensor([[0.3, -0.05, 0.0], [0.0, 0.4, 0.0]]))
    assert image[0, 0] > 0.5 and image[1, 1] < 0.5


def test_positive_azimuth_stands_towards_plus_x() -> None:
    assert orbit(math.pi / 2).cam_to_world[0, 3] > 4
