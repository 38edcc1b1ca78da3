# SPDX-License-Identifier: GPL-3.0-or-later
"""Three feature planes that together describe a volume (EG3D, Rodin)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .lookup import AXES as AXES
from .lookup import lookup


@dataclass(frozen=True, slots=True)
class Triplane:
    """Planes over the box [-1, 1]^3, bilinear, pixel centres inside the border (align_corners off), summed."""

    planes: Float[Tensor, "B 3 C R R"]
    """Features of xy, xz and yz; storage is [row, column] = [y, x], [z, x], [z, y]."""

    def __post_init__(self) -> None:
        if self.planes.ndim != 5 or self.planes.shape[1] != 3 or self.planes.shape[3] != self.planes.shape[4]:
            raise ValueError(f"planes must be [B, 3, C, R, R], got {list(self.planes.shape)}; call unroll first")

    def sample(self, points: Float[Tensor, "B N 3"]) -> Float[Tensor, "B N C"]:
        """Features at points, the sum over the three planes; beyond the box the border value holds."""
        return lookup(self.planes, points)


def roll(planes: Float[Tensor, "B 3 C R R"]) -> Float[Tensor, "B C R W"]:
    """The planes side by side as one image of width 3R (Rodin's roll-out)."""
    return torch.cat(planes.unbind(1), -1)


def unroll(image: Float[Tensor, "B C R W"]) -> Float[Tensor, "B 3 C R R"]:
    """The inverse of `roll`."""
    return torch.stack(image.chunk(3, -1), 1)
