# SPDX-License-Identifier: GPL-3.0-or-later
"""What a field says of a mesh, as textures: only texels on the mesh are asked."""

import logging
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from ..geometry.fields import TILE, Field
from ..surface.mesh import Mesh
from .fill import fill
from .maps import TextureSet
from .occlusion import occlusion
from .raster import Raster, raster_uv
from .relief import normal_map
from .roughness import roughness

log = logging.getLogger(__name__)


def bake(field: Field, mesh: Mesh, size: int, level: int = 0) -> TextureSet:
    """The mesh's albedo at `size` texels a side."""
    raster = raster_uv(mesh, size)
    coverage = raster.face >= 0
    albedo = np.zeros((size, size, 3), np.uint8)
    albedo[coverage] = quantise(colours(field, texel_points(mesh, raster)))
    log.info("baked %d texels at %d", int(coverage.sum()), size)
    return TextureSet(fill(albedo, coverage), coverage, level)


def finish(field: Field, mesh: Mesh, textures: TextureSet) -> TextureSet:
    """The textures with normals of the field's surface, ambient occlusion and an estimate of roughness beside them."""
    raster = raster_uv(mesh, textures.size)
    covered = raster.face >= 0
    points = texel_points(mesh, raster)
    open_to_light = raster.interpolate(mesh.faces, occlusion(mesh)[:, None])[:, 0]
    rough = roughness(textures.albedo[covered].astype(np.float32) / 255, points)

    def image(values: np.ndarray) -> np.ndarray:
        full = np.zeros((*covered.shape, values.shape[1]), np.uint8)
        full[covered] = values
        return fill(full, covered)

    # One after the other: at 4096 texels a side each takes some gigabytes of scratch.
    normal = image(normal_map(field, mesh, raster))
    both = image(quantise(np.stack([open_to_light, rough], 1)))
    log.info("normals, occlusion and roughness at %d", textures.size)
    return replace(
        textures,
        normal=normal,
        occlusion=np.ascontiguousarray(both[..., 0]),
        roughness=np.ascontiguousarray(both[..., 1]),
    )


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
