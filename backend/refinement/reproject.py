# SPDX-License-Identifier: GPL-3.0-or-later
"""The portrait's own pixels on everything its camera saw, the colours that were there, matched to them, on the rest."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Bool, Float, Shaped

from ..faces.networks import FaceFinder
from ..faces.portrait import Portrait
from ..geometry.fields import Field
from ..surface.mesh import Mesh, smoothed
from ..texture.bake import bake, quantise, texel_points
from ..texture.fill import fill
from ..texture.harmonise import blend, delight, foreign, gains
from ..texture.maps import TextureSet
from ..texture.preview import bilinear
from ..texture.project import project, smoothstep
from ..texture.raster import mix, raster_uv
from .carry import carried
from .prior import Wish
from .registration import register

PIXELS_PER_TEXEL = 0.9
"""Side of the portrait's square over the side of the texture: about the texels' own density on the face."""
MASK, RIM = 512, 0.03
"""Side of the picture of the face's outline, and the width of its rim as a share of the square."""
SPREAD, CONTRAST = 25, 0.15
"""Rounds of smoothing of the colour change over the mesh, and the colour difference (sRGB) that it stops at."""
SURE = (0.4, 0.8)
"""Trust in the photograph from which its colours begin to spread over what has none, and from which they do fully."""
NOTHING_SEEN = "the portrait's camera sees nothing of the shaped head, so its pixels could not be used"

log = logging.getLogger(__name__)


def reproject(
    field: Field,
    mesh: Mesh,
    textures: TextureSet,
    portrait: Portrait | None,
    *,
    size: int,
    wish: Wish | None = None,
    finder: FaceFinder | None = None,
) -> Iterator[TextureSet]:
    """One texture: portrait, colour-matched field, and a soft border between them; a wish plays no part.

    Loads the face networks once for the process unless a finder is given.
    """
    if portrait is None:
        raise ValueError("reproject works from a portrait; use resample where there is none")
    if textures.size != size:
        textures = bake(field, mesh, size, textures.level)
    yield lay_portrait(mesh, textures, portrait, finder=finder)


def lay_portrait(
    mesh: Mesh,
    textures: TextureSet,
    portrait: Portrait,
    *,
    finder: FaceFinder | None = None,
    paintable: Float[np.ndarray, "T T"] | None = None,
    known: Shaped[np.ndarray, "T T"] | None = None,
) -> TextureSet:
    """A head's texture with the portrait on what its camera saw, for any head that stands as avatars do.

    The photograph loses part of its shading; colours of the rest follow it. `paintable` is 1 where texels may change,
    `known` false where there is no colour to start from: there the photograph's own spread over the surface.
    """
    size = textures.size
    side = int(np.clip(PIXELS_PER_TEXEL * size, 384, 2048))
    registration = register(portrait, mesh, textures, finder or _finder(), side)
    raster = raster_uv(mesh, size)
    coverage = raster.face >= 0
    normals = raster.interpolate(mesh.faces, mesh.normals())
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    points = texel_points(mesh, raster)
    seen = project(registration.photograph, mesh, points, normals)
    own = textures.albedo[coverage].astype(np.float32) / 255
    notes = textures.notes + registration.notes
    frame = registration.photograph.camera.cam_to_world[:3, :3].numpy() * np.array([1, -1, -1], np.float32)
    skin = _within(seen.place, registration.face) & (seen.weight > 0)
    weight = seen.weight * (1 - foreign(seen.rgb, own, points, skin, _held(seen.place, registration.face)))
    if paintable is not None:
        weight = weight * paintable[coverage]
    photo = delight(seen.rgb, own, weight, normals @ frame, skin)
    found = gains(photo, own, weight, points, skin)
    if found is None:
        log.warning("portrait: %s", NOTHING_SEEN)
        return replace(textures, coverage=coverage, level=textures.level + 1, notes=(*notes, NOTHING_SEEN))
    # Gains vary slowly, except between hair and skin: they are found per vertex, smoothed and interpolated.
    vertex_rgb = _vertex_colours(mesh, textures)
    change = np.concatenate(found.at(mesh.vertices, vertex_rgb), 1)
    change = smoothed(mesh, change, SPREAD, guide=vertex_rgb / CONTRAST)
    change = mix(mesh.faces[raster.face[coverage]], raster.weights[coverage], change)
    laid = blend(photo, own, weight, change[:, :3], change[:, 3:])
    if known is not None:
        corners = mesh.faces[raster.face[coverage]], raster.weights[coverage]
        here = known[coverage] > 0.5
        trusted = np.where(here, 1, smoothstep(weight, *SURE))
        spread = carried(mesh, corners, np.where(here[:, None], laid, photo), trusted.astype(np.float32))
        laid = np.where(here[:, None], laid, weight[:, None] * photo + (1 - weight[:, None]) * spread)
    if paintable is not None:
        laid = own + paintable[coverage][:, None] * (laid - own)
    albedo = np.zeros_like(textures.albedo)
    albedo[coverage] = quantise(laid)
    share = np.zeros(coverage.shape, np.uint8)
    share[coverage] = np.clip(weight * 255 + 0.5, 0, 255).astype(np.uint8)
    log.info("portrait: %.0f %% of the texels from the photograph", 100 * weight.mean())
    return TextureSet(fill(albedo, coverage), coverage, textures.level + 1, notes, photograph=share)


@lru_cache(1)
def _finder() -> FaceFinder:
    return FaceFinder()


def _vertex_colours(mesh: Mesh, textures: TextureSet) -> Float[np.ndarray, "V 3"]:
    assert mesh.uv is not None
    place = np.stack([mesh.uv[:, 0], 1 - mesh.uv[:, 1]], 1) * np.float32(textures.size) - np.float32(0.5)
    return bilinear(textures.albedo, place) / np.float32(255)


def _within(places: Float[np.ndarray, "N 2"], outline: Float[np.ndarray, "K 2"]) -> Bool[np.ndarray, " N"]:
    """Which positions lie inside a convex outline."""
    return _look_up(_mask(outline), places) > 0


def _held(places: Float[np.ndarray, "N 2"], outline: Float[np.ndarray, "K 2"]) -> Float[np.ndarray, " N"]:
    """1 well inside a convex outline, falling to 0 at it."""
    depth = cv2.distanceTransform(_mask(outline), cv2.DIST_L2, 5) / MASK
    return np.clip(_look_up(np.asarray(depth), places) / RIM, 0, 1).astype(np.float32)


def _mask(outline: Float[np.ndarray, "K 2"]) -> np.ndarray:
    mask = np.zeros((MASK, MASK), np.uint8)
    cv2.fillConvexPoly(mask, (outline * MASK).astype(np.int32), 1)
    return mask


def _look_up(mask: np.ndarray, places: Float[np.ndarray, "N 2"]) -> np.ndarray:
    column, row = np.clip((places * MASK).astype(np.int64), 0, MASK - 1).T
    return mask[row, column]
