# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the sky each vertex sees: nostrils, ears and collars are darker than their surroundings."""

import numpy as np
from jaxtyping import Float

from ..surface.mesh import Mesh
from .raster import raster_flat

DIRECTIONS = 96
"""Sides from which the mesh is looked at."""
SIDE = 320
"""Pixels along each view."""
LIFT = 1.0
"""How far over the surface a vertex looks out from, in pixels: so its own faces are never in its way."""


def occlusion(mesh: Mesh) -> Float[np.ndarray, " V"]:
    """Share of the light from all sides, weighted by the cosine, that reaches each vertex: 1 in the open."""
    normals = mesh.normals()
    lit, whole = np.zeros(len(normals)), np.full(len(normals), 1e-9)
    middle = (mesh.vertices.min(0) + mesh.vertices.max(0)) / 2
    reach = float(np.linalg.norm(mesh.vertices - middle, axis=1).max()) * 1.03
    eyes = mesh.vertices + LIFT * 2 * reach / SIDE * normals
    for towards in directions(DIRECTIONS):
        right = np.cross([0.0, 1.0, 0.0] if abs(towards[1]) < 0.9 else [1.0, 0.0, 0.0], towards)
        right /= np.linalg.norm(right)
        frame = np.stack([right, np.cross(towards, right), -towards], 1)
        local = (mesh.vertices - middle) @ frame
        cosine = np.maximum(normals @ towards, 0)
        depths = raster_flat((local[:, :2] / reach * 0.5 + 0.5) * SIDE, local[:, 2] + reach, mesh.faces, SIDE)
        lifted = (eyes - middle) @ frame
        column, row = np.clip(((lifted[:, :2] / reach * 0.5 + 0.5) * SIDE).astype(np.int64), 0, SIDE - 1).T
        open_ = lifted[:, 2] + reach <= depths[row, column]
        lit += cosine * open_
        whole += cosine
    return (lit / whole).astype(np.float32)


def directions(count: int) -> Float[np.ndarray, "N 3"]:
    """Unit vectors spread evenly over the sphere, along a spiral."""
    at = np.arange(count) + 0.5
    height, turn = 1 - 2 * at / count, np.pi * (1 + np.sqrt(5)) * at
    ring = np.sqrt(1 - height**2)
    return np.stack([ring * np.cos(turn), height, ring * np.sin(turn)], 1)
