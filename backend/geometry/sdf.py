# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed distance to density, and its gradient to normals."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from .fields import Field

BETA_START, BETA_LEAST = 0.01, 0.0001
"""Width of the surface where a decoder has learned nothing yet, and the least it can learn, box units."""


def laplace_density(sdf: Float[Tensor, "*N"], beta: Float[Tensor, "*#N"] | float) -> Float[Tensor, "*N"]:
    """Volume density 1/beta · Psi_beta(-sdf), Psi the distribution function of a Laplace variable of width `beta`.

    Half of its greatest value 1/beta on the surface, falling outside. Yariv et al. 2021, eqs. 2–3, whose distance is
    negative inside as ours is. Differentiable in both.
    """
    tail = torch.exp(-sdf.abs() / beta) / 2
    return torch.where(sdf > 0, tail, 1 - tail) / beta


def spatial_beta(raw: Float[Tensor, "*N"]) -> Float[Tensor, "*N"]:
    """Width of the surface from a network's raw output: 0.01 where that is 0, never below 0.0001 or above 0.0199.

    Trevithick et al. 2024 (WYSIWYG), section 3.1.
    """
    return BETA_START + torch.tanh(2 * raw) * (BETA_START - BETA_LEAST)


@torch.no_grad()
def normals(field: Field, points: Float[Tensor, "N 3"], step: float = 0.004) -> Float[Tensor, "N 3"]:
    """Unit gradients of the distance, towards the outside, from four questions a point at the corners of a tetrahedron.

    0 where the distance does not change, as beyond its truncation.
    """
    corners = points.new_tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / math.sqrt(3)
    values = field.sdf((points[:, None] + step * corners).reshape(-1, 3)).reshape(-1, 4)
    return functional.normalize(values @ corners, dim=-1)
