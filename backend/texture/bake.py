# SPDX-License-Identifier: GPL-3.0-or-later
"""The colours of a field on a mesh: only texels on the mesh are asked."""

import logging

import numpy as np
import torch
from jaxtyping import Float

from ..geometry.fields import TILE, Field
from ..surface.mesh import Mesh
from .fill import fill
from .maps import TextureSet
from .raster import Raster, raster_uv

log = logging.getLogger(__name__)


def bake(field: Field, mesh: Mesh, size: int, level: int = 0) -> TextureSet:
    """The mesh's albedo at `size` texels a side."""
    raster = raster_uv(mesh, size)
    coverage = raster.face >= 0
    albedo = np.zeros((size, size, 3), np.uint8)
    albedo[coverage] = quantise(colours(field, texel_points(mesh, raster)))
    log.info("baked %d texels at %d", int(coverage.sum()), size)
    return TextureSet(fill(albedo, coverage), coverage, level)


def texel_points(mesh: Mesh, raster: Raster) -> Float[np.ndarray, "N 3"]:
    """Where on the surface the covered texels lie, in reading order."""
    return raster.interpolate(mesh.faces, mesh.vertices)


@torch.inference_mode()
def colours(field: Field, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """sRGB of the field at points, in tiles that stay in cache."""
    tiles = torch.from_numpy(np.ascontiguousarray(points, np.float32)).split(TILE)
    parts = [field.rgb(tile.to(field.device)).cpu() for tile in tiles]
    return torch.cat(parts).numpy() if parts else np.zeros((0, 3), np.float32)


def quantise(rgb: Float[np.ndarray, "*N 3"]) -> np.ndarray:
    """[0, 1] to 8 bits, rounded."""
    return (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)
