# SPDX-License-Identifier: GPL-3.0-or-later
"""Directions of a view's camera in the world's frame."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..models.look_denoiser import towards


def to_world(normal: Float[Tensor, "B 3 H W"], azimuth: float, elevation: float) -> Float[Tensor, "B 3 H W"]:
    """Normals of a camera's frame (x right, y up, z towards it) in the world's."""
    back = towards(azimuth, elevation)
    right = torch.tensor([math.cos(azimuth), 0.0, -math.sin(azimuth)])
    frame = torch.stack([right, torch.linalg.cross(back, right), back], 1)
    return torch.einsum("ij,bjhw->bihw", frame, normal)
