# SPDX-License-Identifier: GPL-3.0-or-later
import cv2
import numpy as np
import pytest

from backend.faces.pose import CANONICAL, FIELD_OF_VIEW, head_yaw


@pytest.mark.parametrize("yaw", [-35, -10, 0, 20, 40])
@pytest.mark.parametrize("pitch", [-10, 8])
def test_projected_canonical_points_give_the_angle_back(yaw: float, pitch: float) -> None:
    angle, tilt = np.radians([yaw, pitch])
    # World: x right, y up, z to the camera; a positive yaw carries +z towards +x, the image's right.
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    nod = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    points = np.zeros((468, 2))
    focal = 128 / np.tan(FIELD_OF_VIEW / 2)
    for index, position in CANONICAL.items():
        x, y, z = turn @ nod @ np.array(position)
        points[index] = 128 + focal * np.array([x, -y]) / (140 - z)
    assert head_yaw(points, 256) == pytest.approx(yaw, abs=0.5)


def test_mirror_image_negates() -> None:
    camera = np.array([[900, 0, 128], [0, 900, 128], [0, 0, 1.0]])
    model = np.array([CANONICAL[index] for index in CANONICAL]) * [1, -1, -1]
    image, _ = cv2.projectPoints(model, np.array([0, 0.3, 0]), np.array([0, 0, 140.0]), camera, None)
    points, mirrored = np.zeros((2, 468, 2))
    twins = {33: 263, 133: 362, 98: 327, 127: 356, 234: 454, 54: 284}
    twins |= {right: left for left, right in twins.items()}
    for index, position in zip(CANONICAL, image[:, 0], strict=True):
        points[index] = position
        mirrored[twins.get(index, index)] = [256 - position[0], position[1]]
    assert head_yaw(points, 256) == pytest.approx(-head_yaw(mirrored, 256), abs=0.1)
