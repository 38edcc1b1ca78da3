# SPDX-License-Identifier: GPL-3.0-or-later
"""Feature planes and grids as other systems lay them: which axes, how thick, how large are data, not code.

Our own planes (`triplane.Triplane`) have one fixed layout and a fast kernel; these have any and go through grid_sample.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Axes = tuple[tuple[int, int, int], tuple[int, int, int], tuple[int, int, int]]
"""For each plane the world axes along its columns, its rows and its thickness."""
EG3D_AXES: Axes = ((0, 1, 2), (0, 2, 1), (2, 0, 1))
"""xy, xz and zx: the third plane repeats the second, as in the published EG3D weights."""
PANOHEAD_AXES: Axes = ((0, 1, 2), (0, 2, 1), (1, 2, 0))
TRIPOSR_AXES: Axes = ((0, 1, 2), (0, 2, 1), (1, 2, 0))


@dataclass(frozen=True, slots=True)
class FeaturePlanes:
    """Three planes, or three grids of some thickness, over the box [-half, half]^3.

    Linear interpolation, pixel centres inside the border (align_corners off); beyond the border features fade to 0.
    """

    planes: Float[Tensor, "B 3 C *D R R"]
    """Features, stored [row, column], or [depth, row, column] where the planes are grids (PanoHead)."""
    axes: Axes
    half: float
    """Half the side of the box."""

    def sample(self, points: Float[Tensor, "B N 3"]) -> Float[Tensor, "B N 3 C"]:
        """Features at points, those of each plane apart. Gradients reach planes and points."""
        batch, count, _ = points.shape
        thick = self.planes.ndim == 6
        seen = 3 if thick else 2
        scaled = points / self.half
        grid = torch.stack([scaled[..., list(axes[:seen])] for axes in self.axes], 1)
        grid = grid.reshape(batch * 3, *([1] * (seen - 1)), count, seen)
        flat = self.planes.reshape(batch * 3, *self.planes.shape[2:])
        found = functional.grid_sample(flat, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return found.reshape(batch, 3, self.planes.shape[2], count).permute(0, 3, 1, 2)
