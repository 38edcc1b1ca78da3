# SPDX-License-Identifier: GPL-3.0-or-later
"""The aligned portrait square: where a face sits in every picture that conditions the model.

The studio places its portrait cameras by the same square that crops a photograph, so that both look alike to the
encoder. It is the square of the FFHQ dataset (Karras et al. 2019), enlarged to hold hair and shoulders.
"""

import numpy as np
import torch

from .cameras import Camera, look_at, pinhole

CROP_SIZE = 256
"""Side of the aligned crop, pixels."""
CROP_SCALE = 1.35
"""Enlargement of the FFHQ square: 1 cuts the crown, this holds hair and shoulders."""

MEAN_FACE = np.array([[-0.136, 0.32, 0.388], [0.136, 0.32, 0.388], [0.0, 0.008, 0.462]])
"""Right eye, left eye and mouth of the average person of the studio, box units."""


def face_square(
    right_eye: np.ndarray, left_eye: np.ndarray, mouth: np.ndarray, scale: float = CROP_SCALE
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre and half axes (x right, y down along the face) of the square around a face.

    Takes image points, y down: the centres of the subject's right and left eye and of the mouth (mean of its
    corners). A point of the square is `centre + a * x_half + b * y_half` with a, b in [-1, 1].
    """
    right_eye, left_eye, mouth = (np.asarray(point, np.float64) for point in (right_eye, left_eye, mouth))
    eyes = (right_eye + left_eye) / 2
    eye_to_eye = left_eye - right_eye
    eye_to_mouth = mouth - eyes
    # The across direction averages the eye line and the normal of the eye-mouth line: steady under yaw.
    across = eye_to_eye + np.array([eye_to_mouth[1], -eye_to_mouth[0]])
    across = across / np.hypot(*across)
    half = max(np.hypot(*eye_to_eye) * 2.0, np.hypot(*eye_to_mouth) * 1.8) * scale
    x_half = across * half
    return eyes + eye_to_mouth * 0.1, x_half, np.array([-x_half[1], x_half[0]])


def aligned_camera(
    landmarks: np.ndarray,
    azimuth: float = 0.0,
    elevation: float = 0.0,
    field_of_view: float = 0.35,
    enlarge: float = 1.0,
) -> Camera:
    """A camera whose picture is the aligned square of a face, given its right eye, left eye and mouth [3, 3], world.

    `enlarge` is the picture's side over that of the square.
    The camera looks at the face from a direction; the square's place in its picture then becomes the calibration.
    """
    points = torch.from_numpy(landmarks).float()
    direction = torch.tensor(
        [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)]
    ).float()
    target = points.mean(0)
    distance = 0.7 / np.tan(field_of_view / 2)
    camera = Camera(look_at(target + distance * direction, target), pinhole(field_of_view))
    image, _ = camera.project(points)
    centre, x_half, y_half = face_square(*image.double().numpy())
    # Image positions become (position - centre) in the square's own axes, scaled to [0, 1].
    axes = np.linalg.inv(np.stack([x_half, y_half], 1)) / 2 / enlarge
    crop = np.eye(3)
    crop[:2, :2] = axes
    crop[:2, 2] = 0.5 - axes @ centre
    return Camera(camera.cam_to_world, torch.from_numpy(crop).float() @ camera.intrinsics)
