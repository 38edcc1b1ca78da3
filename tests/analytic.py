# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields whose truth is known in closed form."""

import torch
from torch import Tensor

from backend.geometry import TRUNCATION


class SphereField:
    """A ball whose colour is its position, distance truncated as a trained field's is."""

    extent = 1.0
    device = torch.device("cpu")

    def __init__(self, radius: float = 0.6) -> None:
        self.radius = radius

    def sdf(self, points: Tensor) -> Tensor:
        return (points.norm(dim=-1) - self.radius).clamp(-TRUNCATION, TRUNCATION)

    def rgb(self, points: Tensor) -> Tensor:
        return (points * 0.5 + 0.5).clamp(0, 1)


class BustField(SphereField):
    """A ball on a neck that reaches the floor of the box: open below, as a bust is before it is closed."""

    def sdf(self, points: Tensor) -> Tensor:
        head = (points - points.new_tensor([0.0, 0.3, 0.0])).norm(dim=-1) - 0.45
        neck = points[..., [0, 2]].norm(dim=-1) - 0.25
        neck = torch.maximum(neck, points[..., 1] - 0.3)
        return torch.minimum(head, neck).clamp(-TRUNCATION, TRUNCATION)
