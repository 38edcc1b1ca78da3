# SPDX-License-Identifier: GPL-3.0-or-later
"""Levels of detail under one texture: fewer and fewer faces whose charts lie where they lay."""

import logging
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int

from .absorb import without_scraps
from .collapse import around, candidates, classify, close_edges, plane_quadrics
from .mesh import Mesh

CROWD = (60_000, 20_000, 5_000, 1_000)
"""Faces of near, middle and far figures."""
COARSE = 2500
"""Faces from which down a level gives up small charts."""
TEXTURE_WEIGHT = 0.5
"""What a shift within the texture costs beside one as long on the surface."""
PACE = 1.5
"""A round takes collapses up to so many times the error at which it could meet the budget."""

log = logging.getLogger(__name__)


def levels_of_detail(mesh: Mesh, budgets: Sequence[int] = CROWD, error: float = np.inf) -> tuple[Mesh, ...]:
    """For each budget the mesh with at most that many faces; those above its own face count give the mesh itself.

    All share the texture of the given mesh: every vertex of a level is one of the mesh, with its coordinates; in coarse
    levels, which give up small charts (see `absorb`), it may also be a copy of one with others.
    A closed mesh stays closed and a manifold a manifold, so a small budget may not be reached; nor is it where that
    would need an error above `error`, the root mean square distance (box units) between a vertex and the planes of the
    faces it stands for. Budgets must fall. A mesh without UVs keeps its shape alone.
    """
    if any(low >= high for high, low in pairwise(budgets)) or min(budgets, default=1) < 1:
        raise ValueError(f"face budgets must be positive and fall, got {list(budgets)}")
    fine, whole = mesh, True
    collapse = Collapse(fine)
    levels = []
    for budget in budgets:
        if whole and budget <= COARSE and mesh.uv is not None:
            fine, whole = without_scraps(_kept(fine, collapse.corners)), False
            collapse = Collapse(fine)
        while collapse.round(budget, error):
            pass
        levels.append(mesh if len(collapse.corners) == len(mesh.faces) else _kept(fine, collapse.corners))
    log.info("levels of detail: %s faces", [len(level.faces) for level in levels])
    return tuple(levels)


class Collapse:
    """A mesh that loses faces round by round; vertex numbers stay those of the mesh it began with."""

    def __init__(self, mesh: Mesh) -> None:
        self.corners = np.array(mesh.faces, np.int32, order="C")
        self.places = mesh.welded()
        self.points = _points(mesh)
        self._known: tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] | None = None
        self.quadrics = plane_quadrics(self.corners, self._topology()[3], self.points)

    def round(self, budget: int, error: float = np.inf) -> bool:
        """One round of the cheapest collapses towards a budget; False if there was none to do."""
        wanted = len(self.corners) - budget
        if wanted <= 0:
            return False
        starts, incident, kinds, twins = self._topology()
        source, target, costs = candidates(self.corners, self.places, kinds, twins, self.points, self.quadrics)
        order = np.argsort(costs)
        order = order[: np.searchsorted(costs[order], error * error, "right")]
        if not len(order):
            return False
        # An edge takes two faces with it; later rounds see better ones than the worst of this round.
        ceiling = PACE * costs[order[min(len(order) - 1, wanted // 2)]]
        before, tried = len(self.corners), 0
        while len(self.corners) == before and tried < len(order):
            chosen = order[tried : np.searchsorted(costs[order], ceiling, "right")]
            tried += len(chosen)
            self.corners = close_edges(
                self.corners,
                self.places,
                starts,
                incident,
                source[chosen],
                target[chosen],
                self.points,
                self.quadrics,
                wanted,
            )
            # Where nothing so cheap can close, what comes next may.
            ceiling = max(PACE * ceiling, 1e-12)
        return len(self.corners) < before

    def _topology(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Faces around each place, kinds of places, twins of half edges; the same arrays until the next change."""
        if self._known is None or self._known[0] is not self.corners:
            starts, incident = around(self.places[self.corners])
            kinds, twins = classify(self.corners, self.places, starts, incident)
            self._known = self.corners, (starts, incident, kinds, twins)
        return self._known[1]


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


def _kept(mesh: Mesh, corners: Int[np.ndarray, "F 3"]) -> Mesh:
    used = np.zeros(len(mesh.vertices), bool)
    used[corners] = True
    renumber = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return Mesh(mesh.vertices[used], renumber[corners], None if mesh.uv is None else mesh.uv[used])
