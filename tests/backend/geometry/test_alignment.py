# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import torch

from backend.geometry.alignment import MEAN_FACE, aligned_camera, face_square

EYES_MOUTH = np.array([[90.0, 100.0], [150.0, 104.0], [122.0, 170.0]])


def test_square_has_equal_perpendicular_axes() -> None:
    _, x_half, y_half = face_square(*EYES_MOUTH)
    assert abs(x_half @ y_half) < 1e-9 and np.isclose(np.hypot(*x_half), np.hypot(*y_half))
    assert x_half[0] > 0 and y_half[1] > 0


def test_square_follows_a_similarity_of_the_picture() -> None:
    turn = np.array([[0.0, -2.0], [2.0, 0.0]])
    plain, turned = face_square(*EYES_MOUTH), face_square(*(EYES_MOUTH @ turn.T + [7, -3]))
    np.testing.assert_allclose(turned[0], turn @ plain[0] + [7, -3])
    np.testing.assert_allclose(turned[1], turn @ plain[1])
    np.testing.assert_allclose(turned[2], turn @ plain[2])


def test_aligned_camera_fills_its_picture_with_the_square() -> None:
    for azimuth in (0.0, 0.4):
        image, depth = aligned_camera(MEAN_FACE, azimuth, 0.1).project(torch.from_numpy(MEAN_FACE).float())
        centre, x_half, _ = face_square(*image.numpy())
        np.testing.assert_allclose(centre, 0.5, atol=1e-4)
        np.testing.assert_allclose(np.hypot(*x_half), 0.5, atol=1e-4)
        assert (depth > 0).all()
