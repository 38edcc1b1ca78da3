# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts of a texture layout, found from what the corners of faces share. Pure numpy."""

import numpy as np


def islands(vertices: np.ndarray, uv: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """A number for each face, equal for those that hang together in the texture.

    `vertices` [L] and `uv` [L, 2] of the corners, face after face; `starts` [F] where each face's corners begin.
    """
    flat = np.ascontiguousarray(uv, dtype=np.float32) + np.float32(0)  # -0.0 becomes 0.0: bits are compared
    bits = flat.view(np.uint32).astype(np.uint64)
    keys = (bits[:, 0] << np.uint64(32) | bits[:, 1]) * np.uint64(0x9E3779B97F4A7C15)
    keys = (keys >> np.uint64(17) ^ keys) + np.asarray(vertices).astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)
    node = np.unique(keys, return_inverse=True)[1].reshape(-1)
    labels = np.arange(int(node.max()) + 1)
    while True:
        face = np.minimum.reduceat(labels[node], starts)
        spread = labels.copy()
        np.minimum.at(spread, node, np.repeat(face, np.diff(np.append(starts, len(node)))))
        spread = spread[spread]  # each label's own label: distances double
        if np.array_equal(spread, labels):
            return np.unique(face, return_inverse=True)[1].reshape(-1)
        labels = spread


def barycentric(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Weights [N, 3] of the corners of triangles [N, 3, 3] at points [N, 3] in their planes, none below 0."""
    a, b, c = np.moveaxis(np.asarray(triangles, dtype=np.float64), 1, 0)
    one, two, off = b - a, c - a, np.asarray(points, dtype=np.float64) - a
    d00, d01, d11 = (one * one).sum(1), (one * two).sum(1), (two * two).sum(1)
    d20, d21 = (off * one).sum(1), (off * two).sum(1)
    area = np.maximum(d00 * d11 - d01 * d01, 1e-30)
    second, third = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    weights = np.clip(np.stack([1 - second - third, second, third], 1), 0, 1)
    return weights / weights.sum(1, keepdims=True)
