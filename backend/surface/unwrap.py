# SPDX-License-Identifier: GPL-3.0-or-later
"""Texture coordinates for a simplified mesh: charts and packing by xatlas.

xatlas takes time like faces^1.6 (1.5 s for 20,000, minutes for a raw marching-cubes mesh), so simplify first. It gets
the bust in sixteen parts, which halves its time again; the face from brow to chin is one of them.
"""

import logging

import numpy as np
from jaxtyping import Float, Int

from .mesh import Mesh, smoothed

FACE = (0.0, 0.0, 0.45)
"""Where the eye looks: the middle of the face in the canonical frame."""
FALLOFF = 1.2
"""How fast texels get larger away from the face, per box unit; 0 gives every part the same."""
SECTOR = np.radians(60)
"""The front and the back part reach this far to either side."""
BANDS = (-0.6, -0.3, 0.35)
"""Heights that part chest, shoulders and neck, face and crown."""
SMOOTHING = 2000
"""Faces for each round of smoothing before charts are grown, 30 rounds at most. Hair is rough, and charts end where
normals turn: without it there are four times as many. Only charts see the smoothed shape; the mesh keeps its own."""
PADDING = 1 / 256
"""Space around a chart as a share of the texture's side, so that two gutters of half of it never meet a neighbour."""

log = logging.getLogger(__name__)


def unwrap(mesh: Mesh, texture_size: int) -> Mesh:
    """The mesh with `uv`, vertices on chart borders split; faces keep their order, charts do not overlap.

    The face gets about half more texels than the hem for its area. `texture_size` is the largest texture to be painted:
    it sets the space around charts.
    """
    import xatlas

    shape = smoothed(mesh, mesh.vertices, min(30, len(mesh.faces) // SMOOTHING))
    atlas = xatlas.Atlas()
    part_of = _parts(mesh.vertices[mesh.faces].mean(1))
    rows = [np.flatnonzero(part_of == part) for part in np.unique(part_of)]
    used = []
    for row in rows:
        vertices, corners = np.unique(mesh.faces[row], return_inverse=True)
        atlas.add_mesh(_focused(shape[vertices]), corners.reshape(-1, 3).astype(np.uint32))
        used.append(vertices)
    charts = xatlas.ChartOptions()
    charts.max_cost = 8.0  # a third fewer charts than with the default 2, hardly more stretch
    packing = xatlas.PackOptions()
    packing.resolution = texture_size
    packing.padding = max(2, round(texture_size * PADDING))
    packing.bilinear = True
    atlas.generate(charts, packing)
    faces = np.empty_like(mesh.faces)
    origins, uvs, count = [], [], 0
    for part, (row, vertices) in enumerate(zip(rows, used, strict=True)):
        origin, corners, uv = atlas[part]
        faces[row] = corners + count
        origins.append(vertices[origin])
        uvs.append(uv)
        count += len(origin)
    log.info("unwrapped %d faces into %d charts, %.0f %% used", len(faces), atlas.chart_count, 100 * atlas.utilization)
    uv = np.clip(np.concatenate(uvs), 0, 1).astype(np.float32)
    return Mesh(mesh.vertices[np.concatenate(origins)], faces, uv)


def _parts(middles: Float[np.ndarray, "F 3"]) -> Int[np.ndarray, " F"]:
    """A number for each face: front, back, left or right, in four bands of height, and the flat base."""
    azimuth = np.arctan2(middles[:, 0], middles[:, 2] + 0.05)
    away = np.abs(azimuth)
    sector = np.select([away < SECTOR, away > np.pi - SECTOR, azimuth > 0], [0, 1, 2], 3)
    height = middles[:, 1]
    return np.where(height < height.min() + 1e-5, 16, sector + 4 * np.digitize(height, BANDS))


def _focused(vertices: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "V 3"]:
    """Positions with lengths shrunk away from the face: charts are sized by them."""
    centre = np.array(FACE, np.float32)
    offset = vertices - centre
    distance = np.linalg.norm(offset, axis=1, keepdims=True)
    shrunk = np.log1p(FALLOFF * distance) / FALLOFF if FALLOFF else distance
    return (centre + offset * (shrunk / np.maximum(distance, 1e-9))).astype(np.float32)
