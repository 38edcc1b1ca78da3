# SPDX-License-Identifier: GPL-3.0-or-later
"""A field that is only asked where its surface can be: dense sampling for a tenth of the questions."""

import torch
from jaxtyping import Float
from torch import Tensor

from . import TRUNCATION
from .fields import PointValues, VolumeField
from .occupancy import Occupancy, occupancy


class SparseField:
    """The same volume as another, which is asked in the occupied cells of its map alone.

    Elsewhere the distance is the truncation, with its sign, the colour black and the surface sharp: for surfaces much
    thinner than the truncation this changes no picture. No gradients reach the parts that are not asked.
    """

    def __init__(self, field: VolumeField, grid: Occupancy | None = None) -> None:
        self.field, self.extent = field, field.extent
        self.grid = occupancy(field) if grid is None else grid

    @property
    def device(self) -> torch.device:
        return self.field.device

    def sdf(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, " N"]:
        return self.field.sdf(points)

    def rgb(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
        return self.field.rgb(points)

    def values(self, points: Float[Tensor, "N 3"]) -> PointValues:
        """Everything at once."""
        cells = self.grid.cells(points)
        near = self.grid.near.reshape(-1)[cells]
        said = self.field.values(points[near])
        far = torch.where(self.grid.inside.reshape(-1)[cells], -TRUNCATION, TRUNCATION)
        return PointValues(
            far.masked_scatter(near, said.sdf),
            torch.zeros_like(points).masked_scatter(near[:, None], said.rgb),
            torch.full_like(far, 1e-3).masked_scatter(near, said.beta),
        )
