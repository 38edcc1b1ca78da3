# SPDX-License-Identifier: GPL-3.0-or-later
"""Marching cubes, by scikit-image's tables (Lewiner et al. 2003), which leave no holes."""

import numpy as np
from jaxtyping import Bool, Float, Int

from .mesh import Mesh

LEAST = 0.01
"""Distance from the surface, in cells, below which a node is taken to lie that far off: nearer ones make slivers."""


def march(values: Float[np.ndarray, "X Y Z"], extent: float) -> Mesh:
    """The surface of a lattice that spans the box."""
    cell = 2 * extent / (len(values) - 1)
    low, high = _bounds(values < 0)
    cut = values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    vertices, faces = march_cells(cut, cell)
    vertices = (vertices + low) * cell - extent
    return Mesh(vertices.astype(np.float32), np.ascontiguousarray(faces, np.int32))


def march_cells(
    values: Float[np.ndarray, "X Y Z"], cell: float
) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """The surface of any part of a lattice, in cells from its first node; both signs must occur."""
    from skimage.measure import marching_cubes

    least = np.float32(LEAST * cell)
    values = np.where(np.abs(values) < least, np.where(values < 0, -least, least), values)
    vertices, faces, _, _ = marching_cubes(values, 0.0, gradient_direction="descent")
    return vertices, faces


def _bounds(negative: Bool[np.ndarray, "X Y Z"]) -> tuple[list[int], list[int]]:
    """The index range of the body with one node of air around it."""
    low, high = [], []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        used = np.flatnonzero(negative.any(others))
        if not len(used):
            raise ValueError("the field has no surface: its signed distance is positive throughout the box")
        low.append(max(int(used[0]) - 1, 0))
        high.append(int(used[-1]) + 2)
    return low, high
