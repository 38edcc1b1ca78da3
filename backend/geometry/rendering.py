# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a field by a march that its signed distance guides; no gradients.

`march` says how rays step: eleven to fourteen questions a pixel give 54 to 60 dB to the converged picture (128 x 128,
fitted people with long hair, planes of 256 x 256 x 32 and 64 x 64 x 16) in a hundredth of the time that EG3D's renderer
takes with its 96 samples a ray.

Opacity "logistic" follows Wang et al. 2021 (NeuS, eq. 13): what passes is a logistic function of the least distance met
so far. It does not depend on the steps, and outlines stay where the surface is, half covered. "laplace" is the volume
density of Yariv et al. 2021 with the width that the field has itself, for fields that were fitted through it. Against
the studio's own pictures (nine views of three people with long hair, planes fitted to distances) logistic reaches
26.1 dB and laplace 19.6, 21.9 and 24.9 dB at widths of 0.01, 0.005 and 0.002: a density swells outlines, covering 3.4,
1.9 and 0.8 % of the picture too much, where logistic covers 0.5 % too little. Hence the default.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .cameras import Camera
from .fields import TILE, Field
from .march import Opacity, march
from .occupancy import Occupancy, occupancy
from .sdf import normals as gradients

SHELL = (0.001, 0.008)
"""Least and greatest softness of the surface; in between it is a quarter of a pixel, which smooths outlines."""


@dataclass(frozen=True, slots=True)
class RenderedView:
    """One picture, top row first."""

    rgb: Float[Tensor, "H W 3"]
    """sRGB colour over the background."""
    alpha: Float[Tensor, "H W"]
    """Coverage in [0, 1]."""
    depth: Float[Tensor, "H W"]
    """Distance along the optical axis to the surface, 0 where nothing is seen."""
    normal: Float[Tensor, "H W 3"]
    """Unit normals towards the outside, world frame; 0 where nothing is seen."""


def render(
    field: Field,
    camera: Camera,
    height: int,
    width: int,
    *,
    background: float = 1.0,
    grid: Occupancy | None = None,
    opacity: Opacity = "logistic",
    normals: bool = True,
) -> RenderedView:
    """What one camera sees; `grid` saves the map when several pictures are taken of one field.

    Without `normals` those are 0, which saves an eighth of the time. Raises CameraError if the camera cannot take a
    picture.
    """
    camera = camera.one()
    grid = occupancy(field) if grid is None else grid
    rays = camera.rays(height, width)
    origins, directions = (part.to(field.device) for part in (rays.origins, rays.directions))
    seen_by = march(field, grid, origins, directions, softness(camera, width), opacity)
    # What is nearly opaque counts as opaque, or the background would shine through faces.
    alpha = 1 - seen_by.passing
    seen = alpha > 0.02
    along = seen_by.distance
    normal = torch.zeros_like(seen_by.rgb)
    if normals:
        points = origins[seen] + along[seen, None] * directions[seen]
        normal[seen] = torch.cat([gradients(field, tile) for tile in points.split(TILE // 4)])
    axis = camera.cam_to_world[..., :3, 2].to(field.device)
    depth = torch.where(seen, along * (directions @ axis), 0.0)
    return RenderedView(
        rgb=(seen_by.rgb + seen_by.passing[:, None] * background).reshape(height, width, 3),
        alpha=torch.where(seen, alpha, 0.0).reshape(height, width),
        depth=depth.reshape(height, width),
        normal=normal.reshape(height, width, 3),
    )


def render_views(
    field: Field, cameras: Camera, height: int, width: int, *, background: float = 1.0
) -> list[RenderedView]:
    """What each camera of a batch sees."""
    grid = occupancy(field)
    return [
        render(field, cameras[index], height, width, background=background, grid=grid)
        for index in range(len(cameras.cam_to_world))
    ]


def softness(camera: Camera, width: int) -> float:
    """Width of the surface in a picture: a quarter of a pixel at the centre of the box, within `SHELL`."""
    distance = float(camera.cam_to_world[..., :3, 3].norm())
    pixel = distance / (float(camera.intrinsics[..., 0, 0]) * width)
    return min(max(0.25 * pixel, SHELL[0]), SHELL[1])
