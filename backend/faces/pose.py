# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a head is turned, from the points of its rigid parts."""

import cv2
import numpy as np

FIELD_OF_VIEW = np.radians(16)
"""Assumed opening angle of the aligned crop: about 40 cm seen from 1.4 m."""

_LEFT_AND_MIDDLE = {
    33: (-4.45, 2.66, 3.17),
    133: (-1.86, 2.59, 3.76),
    168: (0.0, 3.27, 5.24),
    6: (0.0, 2.47, 5.79),
    197: (0.0, 1.73, 6.32),
    195: (0.0, 1.06, 6.77),
    5: (0.0, 0.37, 7.24),
    4: (0.0, -0.46, 7.59),
    1: (0.0, -1.13, 7.48),
    98: (-1.41, -1.71, 5.24),
    10: (0.0, 8.26, 4.48),
    127: (-7.74, 2.36, -2.01),
    234: (-7.66, 0.67, -2.44),
    54: (-6.28, 6.62, 1.43),
}
_MIRRORED = {263: 33, 362: 133, 327: 98, 356: 127, 454: 234, 284: 54}
CANONICAL = _LEFT_AND_MIDDLE | {
    index: (-_LEFT_AND_MIDDLE[twin][0], *_LEFT_AND_MIDDLE[twin][1:]) for index, twin in _MIRRORED.items()
}
"""Landmark -> position in cm on MediaPipe's canonical face (Apache-2.0): x image right, y up, z to the camera.

Mouth and chin are left out, because they move.
"""


def head_yaw(points: np.ndarray, side: float) -> float:
    """Degrees between the face and the camera, positive when the nose points to the image's right.

    Takes the 468 points [468, 2] in an aligned square crop of that side.
    """
    focal = 0.5 * side / np.tan(FIELD_OF_VIEW / 2)
    camera = np.array([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1.0]], np.float64)
    chosen = list(CANONICAL)
    model = np.array([CANONICAL[index] for index in chosen]) * np.array([1.0, -1.0, -1.0])  # to OpenCV's axes
    image = points[chosen].astype(np.float64)
    straight = np.zeros(4)  # no lens distortion
    _, rotation, shift = cv2.solvePnP(model, image, camera, straight, flags=cv2.SOLVEPNP_SQPNP)
    rotation, _ = cv2.solvePnPRefineLM(model, image, camera, straight, rotation, shift)
    # Where the face's own forward axis (towards the camera) points in the camera's frame.
    forward = cv2.Rodrigues(rotation)[0] @ np.array([0, 0, -1.0])
    return float(np.degrees(np.arctan2(forward[0], -forward[2])))
