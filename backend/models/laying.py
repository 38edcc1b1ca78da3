# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait laid onto the frontal plane of an avatar, pixel upon pixel.

Where the picture shows the face is known: the aligned crop has a camera. What a point of the frontal plane sees in the
picture is therefore looked up, at the depth of an average person, instead of being learned by attention from little
data.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.alignment import MEAN_FACE, aligned_camera


def frontal_depth(views: Float[Tensor, "3 K S S"]) -> Float[Tensor, "S S"]:
    """z of the front of the average person, from average axis views: a depth counts as much as its coverage."""
    coverage = ((views[0, 3] + 1) / 2).clamp(0, 1)
    depth = torch.where(coverage > 0.1, views[0, 8] / coverage.clamp(min=0.1), 0.0)
    return depth.clamp(-1, 1)


def lay_on_plane(
    portrait: Float[Tensor, "B 4 H W"], angles: Float[Tensor, "B 2"], depth: Float[Tensor, "R R"]
) -> Float[Tensor, "B 4 R R"]:
    """Portraits, taken from azimuth and elevation in radians, as the plane xy sees them: rows grow with y.

    `depth` is z at each place of the plane. Zero where the picture does not reach.
    """
    side = depth.shape[0]
    line = (torch.arange(side, device=depth.device) + 0.5) / side * 2 - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    points = torch.stack([x, y, depth], -1).reshape(-1, 3)
    grids = [_project(points, *each) for each in angles.tolist()]
    grid = torch.stack(grids).reshape(len(portrait), side, side, 2).to(portrait)
    return functional.grid_sample(portrait, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _project(points: Float[Tensor, "N 3"], azimuth: float, elevation: float) -> Float[Tensor, "N 2"]:
    """Places in the aligned crop of the average face, [-1, 1]."""
    camera = aligned_camera(np.asarray(MEAN_FACE), azimuth, elevation)
    image, _ = camera.project(points.cpu())
    return image.to(points) * 2 - 1
