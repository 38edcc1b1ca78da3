# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender cameras from the generator's cameras, and the framing of an avatar."""

import math

import bpy
import numpy as np
from mathutils import Matrix

from . import axes

TARGET = np.array([0.0, -0.05, 0.0])
"""The point of the box that views are framed on; with the two below, the whole bust fills the picture."""
DISTANCE = 4.4
FIELD_OF_VIEW = math.radians(26)


def orbit_pose(azimuth: float, elevation: float, distance: float = DISTANCE) -> np.ndarray:
    """The OpenCV pose `[4, 4]` in the box of a camera around `TARGET`; azimuth 0 is the front, positive towards +X."""
    outward = np.array(
        [
            math.sin(azimuth) * math.cos(elevation),
            math.sin(elevation),
            math.cos(azimuth) * math.cos(elevation),
        ]
    )
    right = np.cross(-outward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(-outward, right), -outward], axis=1)
    pose[:3, 3] = TARGET + distance * outward
    return pose


def new_camera(
    scene: bpy.types.Scene, avatar: bpy.types.Object, azimuth: float = 0.0, elevation: float = 0.0
) -> bpy.types.Object:
    """A camera that frames the avatar from the angle, linked into the scene and made its active camera."""
    lens = bpy.data.cameras.new("Portrait camera")
    lens.sensor_fit = "VERTICAL"
    lens.angle = FIELD_OF_VIEW
    lens.clip_start = 0.01
    camera = bpy.data.objects.new("Portrait camera", lens)
    placed = np.array(avatar.matrix_world) @ axes.camera_to_blender(orbit_pose(azimuth, elevation))
    camera.matrix_world = Matrix(placed.tolist())
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera
