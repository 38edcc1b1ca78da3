# SPDX-License-Identifier: GPL-3.0-or-later
"""A ball as a camera sees it, with hair above and eyes in the middle: all that looks are painted from."""

import math

import torch

from backend.studio.shading import DISTANCE, Seen, seen
from backend.studio.sittings import sitting_camera

RADIUS = 0.6


def ball(side: int = 32, azimuth: float = 0.0) -> Seen:
    """A brown-haired ball of light skin around the origin, by exact ray casting."""
    camera = sitting_camera(azimuth, 0.0, 0.4538, 0.0)
    rays = camera.rays(side, side)
    along = (rays.origins * rays.directions).sum(-1)
    root = along.square() - rays.origins.square().sum(-1) + RADIUS**2
    hit = root > 0
    distance = torch.where(hit, -along - root.clamp(min=0).sqrt(), 0)
    place = rays.origins + distance[:, None] * rays.directions
    normal = torch.where(hit[:, None], place / RADIUS, 0)
    axis = camera.cam_to_world[:3, 2]
    depth = torch.where(hit, distance * (rays.directions @ axis) - DISTANCE, 0)
    part = torch.where(hit, 1, 0)
    part[hit & (place[:, 1] > 0.25)] = 7
    part[hit & (place[:, 1].abs() < 0.1) & (place[:, 2] > 0.5)] = 2
    colours = torch.tensor([[1.0, 1, 1], [0.85, 0.68, 0.58], [0.2, 0.15, 0.1], [0, 0, 0], [0, 0, 0], [0, 0, 0],
                            [0, 0, 0], [0.35, 0.22, 0.12]])  # fmt: skip
    rgba = torch.cat([colours[part] * hit[:, None], hit[:, None].float()], 1)
    picture = (rgba.T.reshape(4, side, side), normal.T.reshape(3, side, side), depth.reshape(side, side),
               part.reshape(side, side))  # fmt: skip
    assert math.isclose(float(normal.norm(dim=1).max()), 1, rel_tol=1e-3)
    return seen(*picture, camera)
