# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether pictures of one avatar show one body: neighbouring views moved onto each other by the field's own depth."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import Camera
from ..geometry.fields import Field
from ..geometry.occupancy import occupancy
from ..geometry.rendering import render

SOLID = 0.95
"""Coverage from which a pixel shows the body alone."""
HIDDEN = 1.0
"""Pixels' widths by which a point may lie behind what the other view shows and still be seen there."""


@torch.inference_mode()
def warp_psnr(
    field: Field,
    first: Sequence[Camera],
    second: Sequence[Camera],
    first_pictures: Float[Tensor, "K 3 H W"],
    second_pictures: Float[Tensor, "K 3 H W"],
) -> float:
    """PSNR, dB, of the second pictures moved onto the first, over all points of the body that both show.

    Moving alone costs something, bilinear as it is: compare only numbers of one size. Raises ValueError if no two
    pictures share a point.
    """
    grid = occupancy(field)
    height, width = first_pictures.shape[-2:]
    maps = []
    for cameras in (first, second):
        views = [render(field, some, height, width, grid=grid, normals=False) for some in cameras]
        maps.append(torch.stack([torch.stack([view.depth, view.alpha]) for view in views]))
    return moved_psnr(first, second, first_pictures, second_pictures, *maps)


@torch.inference_mode()
def moved_psnr(
    first: Sequence[Camera],
    second: Sequence[Camera],
    first_pictures: Float[Tensor, "K 3 H W"],
    second_pictures: Float[Tensor, "K 3 H W"],
    first_maps: Float[Tensor, "K 2 H W"],
    second_maps: Float[Tensor, "K 2 H W"],
) -> float:
    """The same where depths along the axis and coverage are known: `first_maps` and `second_maps`."""
    width = first_pictures.shape[-1]
    error, count = 0.0, 0
    for here, there, own, other, view, beside in zip(
        first, second, first_pictures, second_pictures, first_maps, second_maps, strict=True
    ):
        solid = (view[1] > SOLID).reshape(-1)
        rays = here.rays(*own.shape[-2:])
        along = rays.directions @ here.cam_to_world[:3, 2]
        points = rays.origins + (view[0].reshape(-1) / along)[:, None] * rays.directions
        place, depth = there.project(points[solid])
        known = torch.cat([other, beside])
        moved = functional.grid_sample(known[None], (2 * place - 1)[None, None], align_corners=False)[0, :, 0]
        pixel = depth / (float(there.intrinsics[0, 0]) * width)
        shared = ((moved[3] - depth).abs() < HIDDEN * pixel) & (moved[4] > SOLID)
        shown = own.reshape(3, -1)[:, solid]
        error += float((shown - moved[:3])[:, shared].square().sum())
        count += 3 * int(shared.sum())
    if not count:
        raise ValueError("the pictures share no point of the body")
    return -10 * math.log10(max(error / count, 1e-10))
