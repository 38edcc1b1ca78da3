# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a textured mesh in a soft studio light, for people and for the face finder to look at."""

import math

import numpy as np
from jaxtyping import Float, UInt8
from numba import njit

from ..geometry.cameras import Camera, orbit
from ..surface.mesh import Mesh
from .maps import TextureSet
from .raster import Raster, raster_view

VIEWS = (0.0, 0.65, 1.5708, 3.1416)
"""Azimuths of the strip: front, three-quarter, side, back."""
SAMPLES = 3
"""Samples along each side of a pixel."""
LIGHTS = (
    # direction towards the light (camera frame: x right, y up, z to the viewer), strength
    ((-0.55, 0.65, 0.75), 0.42),  # key, from the upper left
    ((0.85, 0.15, 0.55), 0.16),  # fill
    ((0.35, 0.55, -0.80), 0.22),  # rim, from behind
)
AMBIENT = (0.66, 0.46)
"""Light from above and from below."""
BACKDROP = ((0.93, 0.93, 0.94), (0.80, 0.81, 0.83))
"""sRGB of the backdrop at its top and bottom."""


def preview(mesh: Mesh, textures: TextureSet, size: int) -> UInt8[np.ndarray, "H W 3"]:
    """Front, three-quarter, side and back next to each other, each `size` pixels square."""
    return np.concatenate([picture(mesh, textures, orbit(azimuth, 0.06), size) for azimuth in VIEWS], axis=1)


def picture(
    mesh: Mesh,
    textures: TextureSet,
    camera: Camera,
    size: int,
    *,
    samples: int = SAMPLES,
    lit: bool = True,
) -> UInt8[np.ndarray, "S S 3"]:
    """One square view over the backdrop, anti-aliased; unlit, the texture shows as it is."""
    side = size * samples
    raster = raster_view(mesh, camera, side, side)
    shown = raster.face >= 0
    colour = to_linear(_backdrop(side))
    albedo = lookup(textures, mesh, raster).astype(np.float32) / 255
    linear = to_linear(albedo)
    if lit:
        normals = raster.interpolate(mesh.faces, mesh.normals())
        linear *= _light(normals, camera)[:, None]
    colour[shown] = linear
    small = colour.reshape(size, samples, size, samples, 3).mean((1, 3))
    return (to_srgb(np.clip(small, 0, 1)) * 255 + 0.5).astype(np.uint8)


def lookup(textures: TextureSet, mesh: Mesh, raster: Raster) -> Float[np.ndarray, "N 3"]:
    """Texture colours at the covered pixels of a view, bilinear, 0 to 255."""
    assert mesh.uv is not None
    uv = raster.interpolate(mesh.faces, mesh.uv)
    place = np.stack([uv[:, 0], 1 - uv[:, 1]], 1) * np.float32(textures.size) - np.float32(0.5)
    return bilinear(textures.albedo, place)


def to_linear(srgb: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
    """sRGB-encoded values in [0, 1] to light."""
    srgb = np.asarray(srgb, np.float32)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** np.float32(2.4)).astype(np.float32)


def to_srgb(linear: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
    """Light in [0, 1] to sRGB-encoded values."""
    linear = np.maximum(np.asarray(linear, np.float32), 0)
    encoded = 1.055 * linear ** np.float32(1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, linear * 12.92, encoded).astype(np.float32)


@njit(cache=True, nogil=True)
def bilinear(image, places):
    """Image values [N, C] float32 at places (column, row) in pixel-centre coordinates; the border value holds."""
    height, width, channels = image.shape
    out = np.empty((len(places), channels), np.float32)
    for row in range(len(places)):
        x = min(max(places[row, 0], 0.0), width - 1.0)
        y = min(max(places[row, 1], 0.0), height - 1.0)
        left, top = min(int(x), width - 2), min(int(y), height - 2)
        u, v = x - left, y - top
        for channel in range(channels):
            upper = image[top, left, channel] * (1 - u) + image[top, left + 1, channel] * u
            lower = image[top + 1, left, channel] * (1 - u) + image[top + 1, left + 1, channel] * u
            out[row, channel] = upper * (1 - v) + lower * v
    return out


def _light(normals: Float[np.ndarray, "N 3"], camera: Camera) -> Float[np.ndarray, " N"]:
    # The lights stand by the camera, so that every view of the strip is lit alike.
    frame = camera.cam_to_world[:3, :3].numpy() * np.array([1, -1, -1], np.float32)
    local = normals @ frame
    local = local / np.maximum(np.linalg.norm(local, axis=1, keepdims=True), 1e-9)
    above, below = AMBIENT
    light = below + (above - below) * (0.5 + 0.5 * local[:, 1])
    for direction, strength in LIGHTS:
        unit = np.array(direction, np.float32) / math.hypot(*direction)
        # Wrapped, as a large soft source is: light reaches a little past the terminator.
        light += strength * np.maximum((local @ unit + 0.25) / 1.25, 0)
    return light.astype(np.float32)


def _backdrop(side: int) -> Float[np.ndarray, "S S 3"]:
    top, bottom = (np.array(colour, np.float32) for colour in BACKDROP)
    share = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
    return np.broadcast_to(top * (1 - share) + bottom * share, (side, side, 3)).copy()
