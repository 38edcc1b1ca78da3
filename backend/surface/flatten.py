# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts laid flat with little stretch, in time that grows with their faces: from coarse to fine.

Charts are collapsed together to some dozens of faces each, their common outlines alike on both sides (as Lee et al.
1998 do for whole surfaces). The few faces are laid flat by Tutte's method (1963), which never folds, and relaxed; then
vertices come back in reverse order, each placed by its neighbours, with some relaxation in between.
"""

import numpy as np
from jaxtyping import Complex, Float, Int
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import spsolve

from .coarsen import coarsen
from .collapse import around
from .insert import bring_back
from .mesh import Mesh
from .mesh import pieces as pieces
from .relax import determinants, rest_shapes, sweep

COARSEST = 48
"""Faces of a chart, on average, where it is laid flat first."""
GROWTH = 2
"""Between levels the faces grow by so much."""
EFFORT, FEWEST_SWEEPS, MOST_SWEEPS = 300_000, 20, 300
"""Faces that a level's sweeps pass in all, the fewest sweeps and the most."""
UNFOLDING = (0.3, 0.1, 0.03, 0.01)
"""Softness of the determinant, round by round, while faces are turned over."""


class FlattenError(ValueError):
    """Charts that this method cannot lay flat."""


def flatten(mesh: Mesh) -> Complex[np.ndarray, " V"]:
    """A flat place for each vertex: real to the right, imaginary up, in lengths of the surface.

    Charts are the connected pieces of the mesh by vertex number: vertices on their borders are split, their positions
    equal. Each must be a disc. They lie about the origin, on top of each other. A few faces may stay turned over, see
    `distortion`. Raises FlattenError.
    """
    points = mesh.vertices.astype(np.float64)
    count = int(pieces(mesh.faces, len(points))[mesh.faces].max()) + 1
    budgets = [int(len(mesh.faces) / GROWTH)]
    while budgets[-1] > COARSEST * count:
        budgets.append(max(int(budgets[-1] / GROWTH), COARSEST * count))
    removed, begins, numbers, weights, gone, levels = coarsen(mesh.faces, points, np.array(budgets))
    flat = np.zeros(len(points), np.complex128)
    _lay(flat, levels[-1], mesh.vertices)
    _relax(flat, levels[-1], points)
    last = gone[-1]
    for first, corners in zip([*gone[-2::-1], 0], [*levels[-2::-1], mesh.faces], strict=True):
        bring_back(flat, removed, begins, numbers, weights, first, last)
        _relax(flat, corners, points)
        last = first
    if not np.isfinite(flat).all():
        raise FlattenError("a chart has no finite shape")
    return flat


def distortion(mesh: Mesh, flat: Complex[np.ndarray, " V"]) -> tuple[Float[np.ndarray, " F"], Float[np.ndarray, " F"]]:
    """Of each face its symmetric Dirichlet energy over an isometry's, infinite where turned over; and its area."""
    areas, gradients = rest_shapes(mesh.faces, mesh.vertices.astype(np.float64))
    det = determinants(flat, mesh.faces, gradients)
    across, along = ((flat[mesh.faces] * part).sum(1) for part in (gradients.real, gradients.imag))
    size = np.abs(across) ** 2 + np.abs(along) ** 2
    return np.where(det > 0, size * (1 + 1 / np.maximum(det, 1e-12) ** 2) / 4, np.inf), areas


def outlines(faces: Int[np.ndarray, "F 3"]) -> list[Int[np.ndarray, " N"]]:
    """Closed loops of vertices along edges of one face, the surface on their left."""
    starts, ends = faces.reshape(-1).astype(np.int64), np.roll(faces, -1, 1).reshape(-1).astype(np.int64)
    span = int(faces.max()) + 1
    single = ~np.isin(starts * span + ends, ends * span + starts)
    after = dict(zip(starts[single].tolist(), ends[single].tolist(), strict=True))
    if len(after) != single.sum():
        raise FlattenError("an outline touches itself")
    loops = []
    while after:
        loop = [next(iter(after))]
        while (here := after.pop(loop[-1])) != loop[0]:
            loop.append(here)
        loops.append(np.array(loop))
    return loops


def _lay(flat: Complex[np.ndarray, " V"], corners: Int[np.ndarray, "F 3"], vertices: Float[np.ndarray, "V 3"]) -> None:
    """Each chart's outline on a circle of the chart's area, its other vertices in the middle of their neighbours."""
    used, small = np.unique(corners, return_inverse=True)
    small = small.reshape(-1, 3)
    charts = pieces(small, len(used))
    loops = outlines(small)
    if len(loops) != charts.max() + 1 or len(np.unique(charts[[loop[0] for loop in loops]])) != len(loops):
        raise FlattenError("a chart is not a disc")
    points = vertices[used].astype(np.float64)
    areas = np.bincount(charts[small[:, 0]], Mesh(vertices, corners).areas())
    place = np.zeros(len(used), np.complex128)
    fixed = np.zeros(len(used), bool)
    for loop in loops:
        lengths = np.linalg.norm(points[np.roll(loop, -1)] - points[loop], axis=1)
        turn = np.concatenate([[0], np.cumsum(lengths)[:-1]]) / lengths.sum()
        place[loop] = np.sqrt(areas[charts[loop[0]]] / np.pi) * np.exp(2j * np.pi * turn)
        fixed[loop] = True
    ends = np.concatenate([small[:, [0, 1]], small[:, [1, 2]], small[:, [2, 0]]])
    ends = np.unique(np.concatenate([ends, ends[:, ::-1]]), axis=0)
    graph = coo_matrix((np.ones(len(ends)), ends.T), (len(used),) * 2).tocsr()
    free = ~fixed
    if free.any():
        inner = diags(np.asarray(graph.sum(1)).reshape(-1)[free]) - graph[free][:, free]
        place[free] = spsolve(inner.tocsc(), graph[free][:, fixed] @ place[fixed])
    flat[used] = place


def _relax(flat: Complex[np.ndarray, " V"], corners: Int[np.ndarray, "F 3"], points: Float[np.ndarray, "V 3"]) -> None:
    """Sweeps over all vertices, first over those at faces turned over."""
    areas, gradients = rest_shapes(corners, points)
    starts, incident = around(corners)
    order = np.unique(corners)
    for softness in UNFOLDING:
        turned = determinants(flat, corners, gradients) <= 0
        if not turned.any():
            break
        near = np.unique(corners[turned])
        for _ in range(3):
            near = np.unique(corners[np.isin(corners, near).any(1)])
        sweep(flat, corners, near, starts, incident, areas, gradients, softness, 10)
    count = int((determinants(flat, corners, gradients) <= 0).sum())
    rounds = min(max(EFFORT // len(corners), FEWEST_SWEEPS), MOST_SWEEPS)
    sweep(flat, corners, order, starts, incident, areas, gradients, 0.0 if count == 0 else UNFOLDING[-1], rounds)
