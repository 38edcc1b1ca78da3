# SPDX-License-Identifier: GPL-3.0-or-later
"""The colours of one texture layout in another: each texel asks the old picture at its own place on the surface."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from ..surface.mesh import Mesh
from .preview import bilinear
from .raster import Raster

DENSER = 1.3
"""Pixels of the old picture per new texel, along an edge, from which they are averaged first."""


def transfer(
    picture: UInt8[np.ndarray, "H W 3"],
    places: Float[np.ndarray, "V 2"],
    mesh: Mesh,
    raster: Raster,
) -> UInt8[np.ndarray, "N 3"]:
    """sRGB of the covered texels of `raster`, in reading order; `places` are the vertices' coordinates in the picture.

    Outside the unit square the picture repeats, as renderers have it.
    """
    picture = _averaged(picture, places, mesh, raster)
    height, width = picture.shape[:2]
    at = np.mod(raster.interpolate(mesh.faces, places), np.float32(1))
    pixels = np.stack([at[:, 0] * width, (1 - at[:, 1]) * height], 1).astype(np.float32) - np.float32(0.5)
    # One row and column from the other side, so that the repeated picture has no seam of its own.
    bordered = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="wrap")
    return (bilinear(bordered, pixels + np.float32(1)) + np.float32(0.5)).astype(np.uint8)


def weights(
    mask: UInt8[np.ndarray, "M N"], places: Float[np.ndarray, "V 2"], mesh: Mesh, raster: Raster
) -> Float[np.ndarray, " N"]:
    """The values of a grey picture at the covered texels, 0 to 1."""
    grey = np.repeat(mask[..., None], 3, 2)
    return transfer(grey, places, mesh, raster)[:, 0].astype(np.float32) / 255


def resized(picture: UInt8[np.ndarray, "H W 3"], size: int) -> UInt8[np.ndarray, "T T 3"]:
    """The whole picture as a square texture; unchanged where it is one of that size already."""
    height, width = picture.shape[:2]
    if (height, width) == (size, size):
        return picture.copy()
    smaller = height >= size and width >= size
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC))


def _averaged(
    picture: UInt8[np.ndarray, "H W 3"], places: Float[np.ndarray, "V 2"], mesh: Mesh, raster: Raster
) -> UInt8[np.ndarray, "G K 3"]:
    """The picture made coarser until its pixels on the mesh are about as large as the texels."""
    corners = places[mesh.faces].astype(np.float64)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = 0.5 * np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum()
    height, width = picture.shape[:2]
    texels = max(int((raster.face >= 0).sum()), 1)
    denser = float(np.sqrt(area * height * width / texels))
    if denser < DENSER:
        return picture
    side = (max(round(width / denser), 2), max(round(height / denser), 2))
    return np.asarray(cv2.resize(picture, side, interpolation=cv2.INTER_AREA))
