# SPDX-License-Identifier: GPL-3.0-or-later
"""Levels of detail under one texture: fewer and fewer faces whose charts lie where they lay."""

import logging
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from .collapse import candidates, classify, close_edges, plane_quadrics
from .mesh import Mesh

CROWD = (60_000, 20_000, 5_000, 1_000)
"""Faces of near, middle and far figures."""
TEXTURE_WEIGHT = 0.5
"""What a shift within the texture costs beside one as long on the surface."""
PACE = 1.5
"""A round takes collapses up to so many times the error at which it could meet the budget."""

log = logging.getLogger(__name__)


def levels_of_detail(mesh: Mesh, budgets: Sequence[int] = CROWD, error: float = np.inf) -> tuple[Mesh, ...]:
    """For each budget the mesh with at most that many faces; those above its own face count give the mesh itself.

    All share the texture of the given mesh: every vertex of a level is one of the level before, with its coordinates.
    A closed mesh stays closed and a manifold a manifold, so a small budget may not be reached; nor is it where that
    would need an error above `error`, the root mean square distance (box units) between a vertex and the planes of the
    faces it stands for. Budgets must fall. A mesh without UVs keeps its shape alone.
    """
    if any(low >= high for high, low in pairwise(budgets)) or min(budgets, default=1) < 1:
        raise ValueError(f"face budgets must be positive and fall, got {list(budgets)}")
    corners = np.array(mesh.faces, np.int32, order="C")
    places = mesh.welded()
    points = _points(mesh)
    starts, incident = _around(places[corners])
    quadrics = plane_quadrics(corners, classify(corners, places, starts, incident)[1], points)
    levels = []
    for budget in budgets:
        corners = _reduced(corners, places, points, quadrics, budget, error)
        levels.append(mesh if len(corners) == len(mesh.faces) else _kept(mesh, corners))
    log.info("levels of detail: %s faces", [len(level.faces) for level in levels])
    return tuple(levels)


def _reduced(
    corners: Int[np.ndarray, "F 3"],
    places: Int[np.ndarray, " V"],
    points: Float[np.ndarray, "V 5"],
    quadrics: Float[np.ndarray, "V 22"],
    budget: int,
    error: float,
) -> Int[np.ndarray, "G 3"]:
    """Rounds of collapses until the budget or the error is met; quadrics gather what they stand for, in place."""
    while len(corners) > budget:
        starts, incident = _around(places[corners])
        kinds, twins = classify(corners, places, starts, incident)
        source, target, costs = candidates(corners, places, kinds, twins, points, quadrics)
        order = np.argsort(costs, kind="stable")
        order = order[: np.searchsorted(costs[order], error * error, "right")]
        if not len(order):
            break
        wanted = len(corners) - budget
        # An edge takes two faces with it; later rounds see better ones than the worst of this round.
        ceiling = PACE * costs[order[min(len(order) - 1, wanted // 2)]]
        order = order[: np.searchsorted(costs[order], ceiling, "right")]
        before = len(corners)
        corners = close_edges(corners, places, starts, incident, source[order], target[order], points, quadrics, wanted)
        if len(corners) == before:
            break
    return corners


def _points(mesh: Mesh) -> Float[np.ndarray, "V 5"]:
    """Position and texture position, the latter as long as what it covers."""
    points = np.zeros((len(mesh.vertices), 5))
    points[:, :3] = mesh.vertices
    if mesh.uv is not None:
        flat = mesh.uv.astype(np.float64)[mesh.faces]
        first, second = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
        covered = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum() / 2
        scale = np.sqrt(mesh.areas().sum() / max(float(covered), 1e-12))
        points[:, 3:] = TEXTURE_WEIGHT * scale * mesh.uv
    return points


def _around(ends: Int[np.ndarray, "F 3"]) -> tuple[Int[np.ndarray, " P"], Int[np.ndarray, " H"]]:
    """Where the corners at each place begin, and the corners (3 x face + corner) by place."""
    starts = np.zeros(int(ends.max()) + 2, np.int64)
    np.cumsum(np.bincount(ends.reshape(-1)), out=starts[1:])
    return starts, np.argsort(ends, axis=None, kind="stable")


def _kept(mesh: Mesh, corners: Int[np.ndarray, "F 3"]) -> Mesh:
    used = np.zeros(len(mesh.vertices), bool)
    used[corners] = True
    renumber = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return Mesh(mesh.vertices[used], renumber[corners], None if mesh.uv is None else mesh.uv[used])
