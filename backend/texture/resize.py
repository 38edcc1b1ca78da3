# SPDX-License-Identifier: GPL-3.0-or-later
"""A texture at another side, where there is nothing to bake it from anew."""

import cv2
import numpy as np

from ..surface.mesh import Mesh
from .fill import fill
from .maps import TextureSet
from .raster import raster_uv


def resized(textures: TextureSet, mesh: Mesh, size: int) -> TextureSet:
    """The albedo at `size` texels a side; normals, occlusion and roughness, which are baked, are left out."""
    if textures.size == size:
        return textures
    coverage = raster_uv(mesh, size).face >= 0
    albedo = _scaled(fill(textures.albedo, textures.coverage), size)
    photograph = None if textures.photograph is None else _scaled(textures.photograph, size)
    return TextureSet(fill(albedo, coverage), coverage, textures.level, textures.notes, photograph=photograph)


def _scaled(image: np.ndarray, size: int) -> np.ndarray:
    way = cv2.INTER_AREA if size < len(image) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (size, size), interpolation=way))
