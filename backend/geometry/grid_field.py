# SPDX-License-Identifier: GPL-3.0-or-later
"""A field whose distances lie on a regular grid: what remains of a density once its surface is known."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from .fields import TILE

Colour = Callable[[Float[Tensor, "N 3"]], Float[Tensor, "N 3"]]
"""sRGB at points."""


class GridField:
    """Trilinear distances in the box [-1, 1]^3, and colours from a function of points."""

    extent = 1.0

    def __init__(self, distances: Float[Tensor, "X Y Z"], colour: Colour) -> None:
        """The first and last nodes lie on the box; distances are truncated. Colours are clamped here."""
        self._grid = distances.permute(2, 1, 0)[None, None].contiguous()  # grid_sample takes x last
        self._colour = colour

    @property
    def device(self) -> torch.device:
        return self._grid.device

    @torch.inference_mode()
    def sdf(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, " N"]:
        places = points.to(self.device)[None, None, None]
        found = functional.grid_sample(self._grid, places, padding_mode="border", align_corners=True)
        return found.reshape(-1)

    @torch.inference_mode()
    def rgb(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
        tiles = points.to(self.device).split(TILE)
        return torch.cat([self._colour(tile) for tile in tiles]).clamp(0, 1) if len(points) else points.clone()
