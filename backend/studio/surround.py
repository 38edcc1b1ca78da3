# SPDX-License-Identifier: GPL-3.0-or-later
"""Large antialiased pictures of a person from all around, as a camera on an avatar sees it: what sharp hair, skin, eyes
and cloth look like at the resolution of textures."""

import math

import numpy as np

from ..geometry.cameras import Camera, orbit
from .dataset import portraits
from .people import Person
from .views import Scene, render_view

SURROUND_VIEWS, SURROUND_SIZE = 4, 512
"""Pictures per person, one from each quarter of the way round, and their side in pixels."""
SURROUND_SHARD = 4
"""People per file: each has 9.4 MB."""
DISTANCE = 4.4
"""From the camera to what it looks at, box units, as `orbit` has it."""


def surround_sample(person: Person, side: int = SURROUND_SIZE) -> dict[str, np.ndarray]:
    """Pictures of one person, by name:

    surround_rgba [V, S, S, 4] u8, albedo times coverage with coverage; surround_normal [V, S, S, 3] i8, in the camera's
    frame (x right, y up, z towards it), 0 off the head; surround_depth [V, S, S] f16, along the optical axis beyond
    what the camera looks at, box units, 0 off the head; surround_angles [V, 2] f32, azimuth and elevation;
    portrait_rgba and portrait_normal as in `dataset.person_sample`.
    """
    scene = Scene(person.parts)
    rgba, normal, depth, angles = [], [], [], []
    for camera, azimuth, elevation in surround_cameras(person.parameters.seed):
        view = render_view(scene, camera, side, samples=2)
        frame = camera.cam_to_world[:3, :3].numpy() * np.array([1, -1, -1], np.float32)
        rgba.append(np.concatenate([view.rgb, view.alpha[..., None]], -1))
        normal.append(view.normal @ frame)
        seen = np.isfinite(view.depth)
        depth.append(np.where(seen, np.where(seen, view.depth, 0) * cosines(camera, side) - DISTANCE, 0))
        angles.append((azimuth, elevation))
    colours, facing = portraits(person)
    return {
        "surround_rgba": (np.clip(rgba, 0, 1) * 255 + 0.5).astype(np.uint8),
        "surround_normal": (np.stack(normal) * 127).round().astype(np.int8),
        "surround_depth": np.stack(depth).astype(np.float16),
        "surround_angles": np.array(angles, np.float32),
        "portrait_rgba": (np.clip(colours, 0, 1) * 255 + 0.5).astype(np.uint8),
        "portrait_normal": (facing * 127).round().astype(np.int8),
    }


def surround_cameras(seed: int) -> list[tuple[Camera, float, float]]:
    """Camera, azimuth and elevation of each picture; some stand closer, as it were, and show the head alone."""
    random = np.random.default_rng([seed, 4])
    cameras = []
    for quarter in range(SURROUND_VIEWS):
        azimuth = float((quarter - 0.5 + random.uniform()) * 2 * math.pi / SURROUND_VIEWS)
        elevation = float(np.clip(random.normal(0.08, 0.25), -0.4, 0.9))
        opening = float(random.uniform(0.3, 0.46))
        height = -0.05 + 0.3 * (0.46 - opening) / 0.16  # close pictures look at the face, wide ones at the bust
        cameras.append((orbit(azimuth, elevation, DISTANCE, opening, (0.0, height, 0.0)), azimuth, elevation))
    return cameras


def cosines(camera: Camera, side: int) -> np.ndarray:
    """Of the angle between each pixel's ray and the optical axis, [S, S]."""
    axis = camera.cam_to_world[:3, 2]
    return (camera.rays(side, side).directions @ axis).numpy().reshape(side, side)
