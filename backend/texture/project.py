# SPDX-License-Identifier: GPL-3.0-or-later
"""A photograph's pixels on the texels that its camera saw, and how far each may be trusted."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from ..geometry.cameras import Camera
from ..surface.mesh import Mesh
from .preview import bilinear
from .raster import Raster, raster_view

FACING = (0.20, 0.52)
"""Cosine between the surface and the camera: below the first a pixel is not used, above the second it is fully."""
TOLERANCE = 0.05
"""Depth by which something must lie in front to hide a texel, box units."""
LOOK = 640
"""Side at which it is judged what faces the camera and what hides what; finer makes no difference, only work."""
STEP = 0.012
"""Steep strips up to twice this wide (share of the image) between trusted parts are trusted too: the rim of a fringe,
the wing of the nose."""
CLEARANCE = (0.002, 0.005, 0.009, 0.014, 0.020)
"""Distances in the image from an occluder over which trust grows, as shares of the image's side."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """A square picture placed before the mesh."""

    image: UInt8[np.ndarray, "S S 3"]
    """sRGB."""
    trust: Float[np.ndarray, "S S"]
    """How far each pixel shows the person, in [0, 1]: 0 on the background."""
    camera: Camera
    """Where it was taken from; its image square is this picture."""
    shift: Float[np.ndarray, "G G 2"]
    """What to add to a projected position (in [0, 1]^2) to find the same feature in the picture; a coarse grid."""


@dataclass(frozen=True, slots=True)
class Projected:
    """What a photograph says about the covered texels, in reading order."""

    rgb: Float[np.ndarray, "N 3"]
    """sRGB in [0, 1]; meaningless where the weight is 0."""
    weight: Float[np.ndarray, " N"]
    """Trust in [0, 1]."""
    place: Float[np.ndarray, "N 2"]
    """Where in the photograph the colour was found, [0, 1]^2."""


def project(
    photograph: Photograph, mesh: Mesh, points: Float[np.ndarray, "N 3"], normals: Float[np.ndarray, "N 3"]
) -> Projected:
    """Colours and weights for surface points with unit normals."""
    camera = photograph.camera
    side, looked = len(photograph.image), min(len(photograph.image), LOOK)
    place, depth = (part.numpy() for part in camera.project(torch.from_numpy(points)))
    place = place.astype(np.float32)
    view = raster_view(mesh, camera, looked, looked)
    facing = _facing(view, mesh, camera)[..., None]
    weight = bilinear(facing, place * np.float32(looked) - np.float32(0.5))[:, 0]
    # The map knows no far side: the texel's own normal must at least look towards the camera.
    weight *= smoothstep(_cosine(camera, points, normals), 0.0, FACING[0])
    weight *= _clearance(view, place, depth)
    found = place + bilinear(photograph.shift, place * len(photograph.shift) - np.float32(0.5))
    pixels = found * np.float32(side) - np.float32(0.5)
    weight *= bilinear(photograph.trust[..., None], pixels)[:, 0]
    inside = ((found > 0) & (found < 1)).all(1)
    rgb = bilinear(photograph.image, pixels) / np.float32(255)
    return Projected(rgb, np.where(inside, weight, 0).astype(np.float32), found)


def smoothstep(values: Float[np.ndarray, " N"], low: float, high: float) -> Float[np.ndarray, " N"]:
    """0 below `low`, 1 above `high`, smooth in between."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return (share * share * (3 - 2 * share)).astype(np.float32)


def _cosine(
    camera: Camera, points: Float[np.ndarray, "N 3"], normals: Float[np.ndarray, "N 3"]
) -> Float[np.ndarray, " N"]:
    towards = camera.cam_to_world[:3, 3].numpy() - points
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    return (normals * towards).sum(1)


def _facing(view: Raster, mesh: Mesh, camera: Camera) -> Float[np.ndarray, "S S"]:
    """Facing weights as the camera sees them: of smoothed normals, with narrow gaps closed.

    Rough hair and skin would otherwise turn the border into patches.
    """
    import cv2

    shown = view.face >= 0
    points = np.zeros((*view.face.shape, 3), np.float32)
    normals = np.zeros_like(points)
    points[shown] = view.interpolate(mesh.faces, mesh.vertices)
    normals[shown] = view.interpolate(mesh.faces, mesh.normals())
    even = np.asarray(cv2.GaussianBlur(normals, (0, 0), STEP * len(normals)))[shown]
    even = even / np.maximum(np.linalg.norm(even, axis=1, keepdims=True), 1e-9)
    facing = np.zeros(view.face.shape, np.float32)
    facing[shown] = smoothstep(_cosine(camera, points[shown], even), *FACING)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, round(STEP * len(facing))) + 1,) * 2)
    closed = cv2.morphologyEx(facing, cv2.MORPH_CLOSE, kernel)
    return cv2.GaussianBlur(closed, (0, 0), 0.5 * STEP * len(facing))


def _clearance(
    view: Raster, place: Float[np.ndarray, "N 2"], depth: Float[np.ndarray, " N"]
) -> Float[np.ndarray, " N"]:
    """0 where something nearer hides a texel or almost does, growing to 1 away from it.

    A pose is never exact: what lies close behind an occluder's outline may show the occluder in the photograph.
    """
    import cv2

    side = len(view.depth)
    nearest = np.where(np.isfinite(view.depth), view.depth, 1e6).astype(np.float32)
    column = np.clip((place[:, 0] * side).astype(np.int64), 0, side - 1)
    row = np.clip((place[:, 1] * side).astype(np.int64), 0, side - 1)
    clear = np.zeros(len(place), np.float32)
    for distance in CLEARANCE:
        radius = max(1, round(distance * side))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
        front = cv2.erode(nearest, kernel)
        # Over a wider kernel a steep but unbroken surface also comes nearer: allow for a slope of 2.5.
        allowed = TOLERANCE + 2.5 * distance * 1.5
        clear += front[row, column] > depth - allowed
    return clear / len(CLEARANCE)
