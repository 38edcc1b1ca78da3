# SPDX-License-Identifier: GPL-3.0-or-later
"""One step of Catmull-Clark subdivision as a sparse matrix: the topology of the base mesh never changes."""

import numpy as np
import scipy.sparse as sparse


def catmull_clark(quads: np.ndarray, vertex_count: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Matrix [V + E + Q, V] from old to new vertices, and the new quads [4Q, 4] (Catmull and Clark 1978).

    New vertices are the moved old ones, then one per edge, then one per quad. Child k of a quad holds its corner k
    first. Border edges and vertices stay on the border curve; vertices of no quad map to zero.
    """
    count = len(quads)
    corners = np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2)
    edges, edge_of, uses = np.unique(np.sort(corners, 1), axis=0, return_inverse=True, return_counts=True)
    edge_of = edge_of.reshape(-1)
    quad_of = np.repeat(np.arange(count), 4)

    def matrix(rows: np.ndarray, columns: np.ndarray, value: float, height: int, width: int) -> sparse.csr_matrix:
        return sparse.csr_matrix((np.full(len(rows), value), (rows, columns)), (height, width))

    edge_ends = np.repeat(np.arange(len(edges)), 2)
    face_point = matrix(quad_of, quads.ravel(), 0.25, count, vertex_count)
    middle = matrix(edge_ends, edges.ravel(), 0.5, len(edges), vertex_count)
    inner = uses == 2
    beside = matrix(edge_of, quad_of, 1.0, len(edges), count)
    edge_point = sparse.diags(np.where(inner, 0.5, 1.0)) @ middle
    edge_point = edge_point + sparse.diags(np.where(inner, 0.25, 0.0)) @ beside @ face_point

    valence = np.maximum(np.bincount(edges.ravel(), minlength=vertex_count), 1)
    border = np.zeros(vertex_count, bool)
    border[edges[~inner].ravel()] = True
    around = matrix(quads.ravel(), quad_of, 1.0, vertex_count, count)
    faces_around = np.maximum(np.asarray(around.sum(1)).ravel(), 1)
    spokes = matrix(edges.ravel(), edge_ends, 1.0, vertex_count, len(edges))
    rims = matrix(edges[~inner].ravel(), np.repeat(np.flatnonzero(~inner), 2), 1.0, vertex_count, len(edges))
    rim_count = np.maximum(np.asarray(rims.sum(1)).ravel(), 1)
    smooth = (
        sparse.diags(1 / faces_around / valence) @ around @ face_point
        + sparse.diags(2 / valence**2) @ spokes @ middle
        + sparse.diags((valence - 3) / valence)
    )
    rim = 0.5 * sparse.identity(vertex_count) + 0.5 * sparse.diags(1 / rim_count) @ rims @ middle
    moved = sparse.diags((~border).astype(float)) @ smooth + sparse.diags(border.astype(float)) @ rim

    edge_index = edge_of.reshape(count, 4) + vertex_count
    centre = np.arange(count) + vertex_count + len(edges)
    children = [np.stack([quads[:, k], edge_index[:, k], centre, edge_index[:, k - 1]], 1) for k in range(4)]
    new_quads = np.stack(children, 1).reshape(-1, 4).astype(np.int32)
    return sparse.vstack([moved, edge_point, face_point]).tocsr().astype(np.float32), new_quads


def subdivide_corners(corner_values: np.ndarray) -> np.ndarray:
    """Per-corner values [Q, 4, D] of the children [4Q, 4, D], linear, in the order of `catmull_clark`."""
    middle = (corner_values + np.roll(corner_values, -1, 1)) / 2
    centre = corner_values.mean(1)
    children = [np.stack([corner_values[:, k], middle[:, k], centre, middle[:, k - 1]], 1) for k in range(4)]
    return np.stack(children, 1).reshape(-1, 4, corner_values.shape[-1])
