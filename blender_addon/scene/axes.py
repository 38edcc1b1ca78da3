# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the generator's box and Blender's scene: axes, scale, camera frames, row order. Pure numpy.

The box is right-handed, +Y up, face towards +Z, [-1, 1] on each axis. In Blender the avatar stands on the floor,
Z up, and faces -Y, as Blender's own front view expects. One box unit is 0.2 m, so that a head of 1.15 units from chin
to crown measures 0.23 m, a grown person's.
"""

import numpy as np

METRES_PER_UNIT = 0.2
FLOOR = -1.0  # the height in the box at which the bust is cut

# Rows: Blender's x, y, z in terms of the box's x, y, z. A pure rotation (determinant 1).
BOX_TO_BLENDER = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
AXIS_TO_BOX = {"X": "X", "-X": "-X", "Y": "-Z", "-Y": "Z", "Z": "Y", "-Z": "-Y"}
# OpenCV looks along +z with y down, Blender's cameras along -z with y up.
OPENCV_TO_BLENDER_CAMERA = np.diag([1.0, -1.0, -1.0, 1.0])


def points_to_blender(points: np.ndarray) -> np.ndarray:
    """Box points `[N, 3]` in metres of Blender's scene, the bust's base on z = 0; keeps the float type."""
    scene = np.empty_like(points)
    scene[:, 0] = points[:, 0]
    scene[:, 1] = -points[:, 2]
    scene[:, 2] = points[:, 1] - FLOOR
    scene *= METRES_PER_UNIT
    return scene


def points_to_box(points: np.ndarray) -> np.ndarray:
    """The inverse of `points_to_blender`."""
    box = np.empty_like(points)
    box[:, 0] = points[:, 0]
    box[:, 1] = points[:, 2]
    box[:, 2] = -points[:, 1]
    box /= METRES_PER_UNIT
    box[:, 1] += FLOOR
    return box


def camera_to_blender(cam_to_world: np.ndarray) -> np.ndarray:
    """An OpenCV camera pose in the box `[4, 4]` as a Blender camera's `matrix_world`."""
    pose = np.eye(4)
    pose[:3, :3] = BOX_TO_BLENDER @ cam_to_world[:3, :3]
    pose[:3, 3] = points_to_blender(cam_to_world[None, :3, 3])[0]
    return pose @ OPENCV_TO_BLENDER_CAMERA


def camera_to_box(matrix_world: np.ndarray) -> np.ndarray:
    """The inverse of `camera_to_blender`; the pose must be rigid (no scale)."""
    opencv = matrix_world @ OPENCV_TO_BLENDER_CAMERA
    pose = np.eye(4)
    pose[:3, :3] = BOX_TO_BLENDER.T @ opencv[:3, :3]
    pose[:3, 3] = points_to_box(opencv[None, :3, 3])[0]
    return pose


def pixels_to_blender(image: np.ndarray) -> np.ndarray:
    """A uint8 image `[H, W, 3]`, top row first, as Blender's flat float RGBA, bottom row first."""
    height, width, _ = image.shape
    # Four bytes per pixel first: one contiguous multiplication takes half the time of a strided one.
    rgba = np.full((height, width, 4), 255, dtype=np.uint8)
    rgba[..., :3] = image[::-1]
    return np.multiply(rgba.reshape(-1), np.float32(1 / 255), dtype=np.float32)


def pixels_from_blender(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Blender's flat float RGBA as a uint8 image `[H, W, 3]`, top row first."""
    rgba = pixels.reshape(height, width, 4)[::-1, :, :3]
    return np.rint(np.clip(rgba, 0, 1) * 255).astype(np.uint8)


def encoded(linear: np.ndarray) -> np.ndarray:
    """Linear light as sRGB numbers, as float images hold the one and 8-bit images the other."""
    bounded = np.clip(linear, 0, 1)
    return np.where(bounded <= 0.0031308, 12.92 * bounded, 1.055 * bounded ** (1 / 2.4) - 0.055)


def square(image: np.ndarray) -> np.ndarray:
    """The image `[H, W, 3]` centred on a square of its longer side, grey around: the panel draws squares."""
    height, width, _ = image.shape
    if height == width:
        return image
    side = max(height, width)
    canvas = np.full((side, side, 3), 48, dtype=np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = image
    return canvas
