# SPDX-License-Identifier: GPL-3.0-or-later
"""A coarse map of where a field's surface can be, so that nobody asks the field where it cannot.

A trained distance is truncated and not exactly 1-Lipschitz. The map therefore trusts only values well below the
truncation, and doubles every bound (`SAFETY`); a value at the clamp says no more than "not within this cell".
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from . import TRUNCATION
from .fields import TILE, Field

SAFETY = 2.0
"""How much faster than distance a trained sdf may change and still be bounded."""
TRUSTED = 0.8 * TRUNCATION
"""Distances up to this are believed; above it the clamp of a fitted field begins to bend them."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Cells of a regular grid over the box of a field, indexed [x, y, z]."""

    extent: float
    """Half the side of the box."""
    near: Bool[Tensor, "G G G"]
    """Cells that may hold the surface."""
    inside: Bool[Tensor, "G G G"]
    """Sign at the centre: true within the body."""
    clear: Float[Tensor, "G G G"]
    """A step that is safe from anywhere in the cell, box units; 0 near the surface and inside: ask the field there."""

    def cells(self, points: Float[Tensor, "N 3"]) -> Int[Tensor, " N"]:
        """Flat index of the cell that holds each point; points outside take the nearest cell."""
        side = self.near.shape[0]
        index = ((points + self.extent) * (side / (2 * self.extent))).long().clamp_(0, side - 1)
        return (index[:, 0] * side + index[:, 1]) * side + index[:, 2]


@torch.inference_mode()
def occupancy(field: Field) -> Occupancy:
    """Ask a field once per cell; cells are as large as the trusted distance allows (44 a side in the unit box).

    For a triplane on a CPU that costs a third of a picture of 128 x 128 pixels.
    """
    # A surface point of the cell is at most half a diagonal away from the centre: SAFETY * half diagonal <= TRUSTED.
    side = math.ceil(math.sqrt(3) * field.extent * SAFETY / TRUSTED)
    edge = 2 * field.extent / side
    axis = (torch.arange(side, device=field.device) + 0.5) * edge - field.extent
    centres = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    sdf = ask(field, centres).reshape(side, side, side)
    near = sdf.abs() <= SAFETY * math.sqrt(3) / 2 * edge
    return Occupancy(field.extent, near, sdf < 0, _clear(near | (sdf < 0), edge))


@torch.inference_mode()
def ask(field: Field, points: Float[Tensor, "N 3"]) -> Float[Tensor, " N"]:
    """Signed distances, in tiles that stay in cache."""
    if len(points) <= TILE:
        return field.sdf(points)
    return torch.cat([field.sdf(tile) for tile in points.split(TILE)])


def _clear(solid: Bool[Tensor, "G G G"], edge: float) -> Float[Tensor, "G G G"]:
    # Ring k around the solid cells is at least k - 1 edges away. Ring 1 may still step half an edge, because its centre
    # is SAFETY half diagonals from the surface.
    if not bool(solid.any()):
        return torch.full_like(solid, 4 * edge * len(solid), dtype=torch.float32)
    if solid.device.type == "cpu":
        from .kernels import rings

        around = torch.from_numpy(rings(solid.numpy()))
    else:
        around = rings_plain(solid)
    return torch.where(solid, 0.0, (around - 1).clamp_min(0.5) * edge)


def rings_plain(solid: Bool[Tensor, "G G G"]) -> Int[Tensor, "G G G"]:
    """How often the solid cells must grow by all their neighbours to reach each cell: twin of `kernels.rings`."""
    reached = solid[None, None].float()
    count = torch.zeros_like(solid, dtype=torch.int32)
    while not reached.all():
        count += 1 - reached[0, 0].int()
        reached = functional.max_pool3d(reached, 3, stride=1, padding=1)
    return count
