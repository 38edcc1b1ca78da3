# SPDX-License-Identifier: GPL-3.0-or-later
"""A field without what is finer than its planes can mean.

Sampled planes carry noise from texel to texel. In pictures it averages out; in a surface it shows as fins, pits and
tunnels a texel or two wide, all of them crossing the axes. Where the planes are smoothed a little, these are gone and
the face stays.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from .fields import Field, TriplaneField
from .triplane import Triplane

WIDTH = 0.008
"""Standard deviation of the Gaussian over the planes, box units: one texel of planes of 256 x 256. It takes a tenth off
the area of a generated surface and a sixth off its triangles, all of it ragged."""
NARROWEST = 0.3
"""Texels below which smoothing changes nothing that can be seen."""


def even(field: Field, width: float = WIDTH) -> Field:
    """The field of smoothed planes; one that has no planes, or whose texels are wider than that, as it is."""
    if not isinstance(field, TriplaneField):
        return field
    planes = field.triplane.planes
    texels = width * planes.shape[-1] / (2 * field.extent)
    if texels < NARROWEST:
        return field
    return TriplaneField(Triplane(blurred(planes[0], texels)[None]), field.decoder)


@torch.no_grad()
def blurred(planes: Float[Tensor, "P C H W"], texels: float) -> Float[Tensor, "P C H W"]:
    """Each plane under a Gaussian of so many texels; beyond the border its value holds."""
    reach = max(1, round(3 * texels))
    at = torch.arange(-reach, reach + 1, device=planes.device, dtype=planes.dtype)
    weights = torch.exp(-0.5 * (at / texels) ** 2)
    weights = weights / weights.sum()
    out = planes
    for axis in (-2, -1):
        edge = [0, 0, 0, 0]
        edge[2 * (-1 - axis)] = edge[2 * (-1 - axis) + 1] = reach
        padded = functional.pad(out, edge, mode="replicate")
        out = torch.zeros_like(planes)
        for step, weight in enumerate(weights.tolist()):
            out.add_(padded.narrow(axis, step, planes.shape[axis]), alpha=weight)
    return out
