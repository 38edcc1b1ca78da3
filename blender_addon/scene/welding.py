# SPDX-License-Identifier: GPL-3.0-or-later
"""Vertices split along texture seams, joined again. Pure numpy.

The backend splits a vertex wherever its UV jumps. Blender keeps UVs per face corner, so the copies are one vertex
there: shading stays smooth across seams, and the mesh is as closed as it was before it was unwrapped.
"""

import numpy as np


def weld(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices `[V', 3]` without copies (exact equality), and faces `[F, 3]` that refer to them."""
    rows = np.ascontiguousarray(vertices, dtype=np.float32) + np.float32(0)  # -0.0 becomes 0.0: bytes are compared
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * 3))).reshape(-1)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    # Keep the order of first appearance, so that neighbours in the file stay neighbours in memory.
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rows[first[order]], rank[inverse.reshape(-1)].astype(np.int32)[faces]
