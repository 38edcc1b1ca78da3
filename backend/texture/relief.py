# SPDX-License-Identifier: GPL-3.0-or-later
"""Tangent-space normal maps: what the field's surface does between the vertices of a simplified mesh.

Tangents are MikkTSpace's (Mikkelsen 2008), which Blender, glTF viewers and game engines rebuild from positions, normals
and texture coordinates; green points up the texture, as Blender and glTF have it (OpenGL's convention).
"""

import numpy as np
import torch
from jaxtyping import Float, UInt8

from ..geometry.fields import TILE, Field
from ..surface.mesh import Mesh
from .fill import fill
from .preview import bilinear
from .raster import Raster, raster_uv

STEP = 0.02
"""Distance over which the field's slope is taken, box units: two thirds of a texel of the shipped planes. Between their
texels they are bilinear, and over less distance the kinks at each texel show as a weave."""
FINEST = 1024
"""Texels a side at which the slope is asked: over `STEP` nothing changes that finer textures could show."""
TRUSTED, DOUBTFUL = 0.7, 0.4
"""Cosines to the mesh's normal above which the field's is taken and below which it is not: at the cut under the bust
the field knows nothing of the mesh."""


def normal_map(field: Field, mesh: Mesh, raster: Raster) -> UInt8[np.ndarray, "N 3"]:
    """For covered texels, in reading order, the field's normal in the mesh's tangent frames, as a texture holds it."""
    points = raster.interpolate(mesh.faces, mesh.vertices)
    normals = mesh.normals()
    smooth = raster.interpolate(mesh.faces, normals)
    fine = _slopes_of(field, mesh, raster, points)
    unit = smooth / np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-9)
    trust = np.clip(((fine * unit).sum(1) - DOUBTFUL) / (TRUSTED - DOUBTFUL), 0, 1)[:, None]
    fine = unit + trust * (fine - unit)
    return encode(fine, raster.interpolate(mesh.faces, tangents(mesh, normals)), smooth)


def _slopes_of(field: Field, mesh: Mesh, raster: Raster, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """Unit normals of the field at the texels' points, asked at no more than `FINEST` texels a side."""
    size = len(raster.face)
    if size <= FINEST:
        return slopes(field, points)
    coarse = raster_uv(mesh, FINEST)
    covered = coarse.face >= 0
    image = np.zeros((FINEST, FINEST, 3), np.float32)
    image[covered] = slopes(field, coarse.interpolate(mesh.faces, mesh.vertices))
    row, column = np.nonzero(raster.face >= 0)
    places = (np.stack([column, row], 1) + np.float32(0.5)) * np.float32(FINEST / size) - np.float32(0.5)
    return _unit(bilinear(fill(image, covered), places.astype(np.float32)))


def encode(
    wanted: Float[np.ndarray, "N 3"], tangent: Float[np.ndarray, "N 3"], normal: Float[np.ndarray, "N 3"]
) -> UInt8[np.ndarray, "N 3"]:
    """Normals in interpolated frames, neither of whose vectors is made a unit: the inverse of MikkTSpace's decoding."""
    bitangent = np.cross(normal, tangent)
    # Rows of the inverse, up to a factor that the length takes out again.
    local = np.stack(
        [
            (wanted * np.cross(bitangent, normal)).sum(1),
            (wanted * np.cross(normal, tangent)).sum(1),
            (wanted * np.cross(tangent, bitangent)).sum(1),
        ],
        1,
    )
    local /= np.maximum(np.linalg.norm(local, axis=1, keepdims=True), 1e-12)
    return np.clip(local * 127.5 + 128, 0, 255).astype(np.uint8)


def tangents(mesh: Mesh, normals: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
    """Unit tangents along growing u, right-handed with the normal and growing v; no chart may be mirrored.

    Raises ValueError without texture coordinates.
    """
    if mesh.uv is None:
        raise ValueError("the mesh has no texture coordinates; call unwrap first")
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    flat = mesh.uv.astype(np.float64)[mesh.faces]
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    first, second = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    turn = np.sign(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])[:, None]
    along = turn * (one * second[:, 1:] - two * first[:, 1:])
    sums = np.zeros((len(mesh.vertices), 3))
    for corner in range(3):
        vertex = mesh.faces[:, corner]
        normal = normals[vertex].astype(np.float64)
        ahead = _flattened(corners[:, (corner + 1) % 3] - corners[:, corner], normal)
        behind = _flattened(corners[:, (corner + 2) % 3] - corners[:, corner], normal)
        # Weighted by the angle at the corner, as seen along the normal.
        angle = np.arccos(np.clip((ahead * behind).sum(1), -1, 1))[:, None]
        weighted = angle * _flattened(along, normal)
        for axis in range(3):
            sums[:, axis] += np.bincount(vertex, weighted[:, axis], len(sums))
    return _unit(sums).astype(np.float32)


@torch.inference_mode()
def slopes(field: Field, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    """Unit normals of the field's level sets, from six samples around each point."""
    out = np.zeros((len(points), 3), np.float32)
    for start in range(0, len(points), TILE):
        tile = points[start : start + TILE]
        for axis in range(3):
            for way in (-STEP, STEP):
                around = torch.from_numpy(tile + np.float32(way) * np.eye(3, dtype=np.float32)[axis])
                values = field.sdf(around.to(field.device)).cpu().numpy()
                out[start : start + TILE, axis] += values if way > 0 else -values
    return _unit(out)


def _flattened(vectors: Float[np.ndarray, "N 3"], normal: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    return _unit(vectors - (vectors * normal).sum(1, keepdims=True) * normal)


def _unit(vectors: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-20)
