# SPDX-License-Identifier: GPL-3.0-or-later
"""Three feature planes that together describe a volume (EG3D, Rodin)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

AXES = ((0, 1), (0, 2), (1, 2))
"""World axes along (columns, rows) of the planes xy, xz, yz. Rows and columns grow with their axis."""


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
        batch, _, channels, side, _ = self.planes.shape
        grid = torch.stack([points[..., list(axes)] for axes in AXES], 1).reshape(batch * 3, 1, -1, 2)
        # channels_last makes the lookup 2.6-3 times faster on a CPU: one texel is one cache line.
        flat = self.planes.reshape(batch * 3, channels, side, side).contiguous(memory_format=torch.channels_last)
        looked_up = functional.grid_sample(flat, grid, padding_mode="border", align_corners=False)
        return looked_up.reshape(batch, 3, channels, -1).sum(1).transpose(1, 2)


def roll(planes: Float[Tensor, "B 3 C R R"]) -> Float[Tensor, "B C R W"]:
    """The planes side by side as one image of width 3R (Rodin's roll-out)."""
    return torch.cat(planes.unbind(1), -1)


def unroll(image: Float[Tensor, "B C R W"]) -> Float[Tensor, "B 3 C R R"]:
    """The inverse of `roll`."""
    return torch.stack(image.chunk(3, -1), 1)
