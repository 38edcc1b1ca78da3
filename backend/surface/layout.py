# SPDX-License-Identifier: GPL-3.0-or-later
"""A bust laid flat in few charts, none of which turns over or lies on itself; packing is `unwrap`'s."""

import logging

import numpy as np
from jaxtyping import Bool, Complex, Int

from .charts import BENT, cut_bust, cut_knots
from .flatten import FlattenError, distortion, flatten, pieces
from .mesh import Mesh
from .overlap import SAMPLES, covered_twice

STRETCH = 1.17
"""Mean distortion that is allowed before knots are taken out; what is around them relaxes, too, so less is left."""
KNOTTED = (64.0, 48.0, 32.0, 24.0, 16.0, 12.0, 8.0)
"""Distortion from which a face is taken out of its chart, with what is around it: the largest that meets the mean. A
pit whose texels are five times as wide as elsewhere shows less than the seams of another chart. In what was taken out
the first counts, in what is taken out of that only what lies on other faces."""
RINGS = (1, 1, 1, 0)
"""Faces around a knot that go with it, attempt by attempt."""
PATIENCE, ATTEMPTS = 6, 8
"""Attempts after which knots are taken apart face by face, and after which nothing helps."""

log = logging.getLogger(__name__)


def lay_out(mesh: Mesh) -> tuple[Mesh, Complex[np.ndarray, " V"]]:
    """The mesh with vertices split along seams, and flat places in lengths of the surface, charts on top of each other.

    Narrow protrusions and folds crumple in a large chart. They are cut out of it and laid flat on their own; the chart
    keeps a hole. Raises FlattenError where that does not end.
    """
    charts = cut_bust(mesh)
    flat = flatten(charts)
    areas = mesh.areas().astype(np.float64)
    bad = crumpled(charts, flat, knotted(charts, flat))
    for attempt in range(ATTEMPTS):
        if not bad.any():
            return charts, flat
        log.info("%d faces are crumpled in %d charts", bad.sum(), pieces(charts.faces, len(flat)).max() + 1)
        rows = np.flatnonzero(_grown(charts.faces, bad, RINGS[min(attempt, len(RINGS) - 1)]))
        knots = Mesh(charts.vertices, charts.faces[rows])
        if attempt >= PATIENCE:
            scraps, placed = singly(knots)
        else:
            scraps = cut_knots(knots, BENT if attempt == 0 else 1.0)
            placed = flatten(scraps)
        faces = charts.faces.copy()
        faces[rows] = scraps.faces + len(flat)
        vertices = np.concatenate([charts.vertices, scraps.vertices])
        charts, flat = _used(Mesh(vertices, faces), np.concatenate([flat, placed]))
        # What stays where it was lies on nothing new.
        bad = np.zeros(len(faces), bool)
        limit = KNOTTED[0] if attempt == 0 else np.inf
        taken = Mesh(charts.vertices, charts.faces[rows])
        bad[rows] = crumpled(taken, flat, limit, areas[rows].sum() / areas.sum())
    raise FlattenError("some faces stay crumpled")


def knotted(mesh: Mesh, flat: Complex[np.ndarray, " V"]) -> float:
    """Which of KNOTTED it takes for the mean distortion wanted, if what is taken out is laid flat that well."""
    energy, areas = distortion(mesh, flat)
    for limit in KNOTTED:
        if (np.where(energy > limit, STRETCH, energy) * areas).sum() <= STRETCH * areas.sum():
            return limit
    return KNOTTED[-1]


def crumpled(
    mesh: Mesh, flat: Complex[np.ndarray, " V"], limit: float = np.inf, share: float = 1.0
) -> Bool[np.ndarray, " F"]:
    """Faces that are turned over, distorted beyond the limit, or lie on another of their chart; `share` is how much of
    a whole layout they are."""
    energy = distortion(mesh, flat)[0]
    chart = pieces(mesh.faces, len(flat))[mesh.faces[:, 0]]
    twice = covered_twice(mesh, flat, np.unique(chart, return_inverse=True)[1], max(int(share * SAMPLES), 1000))
    return ~np.isfinite(energy) | (energy > limit) | twice


def singly(mesh: Mesh) -> tuple[Mesh, Complex[np.ndarray, " V"]]:
    """Every face a chart of its own, as it is."""
    apart = Mesh(mesh.vertices[mesh.faces.reshape(-1)], np.arange(mesh.faces.size, dtype=np.int32).reshape(-1, 3))
    corners = apart.vertices.astype(np.float64).reshape(-1, 3, 3)
    base, side = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    length = np.maximum(np.linalg.norm(base, axis=1), 1e-12)
    # As flat at the least as `rest_shapes` takes a face to be.
    height = np.maximum(np.linalg.norm(np.cross(base, side), axis=1) / length, 1e-3 * length)
    third = (base * side).sum(1) / length + 1j * height
    return apart, np.stack([np.zeros_like(third), length + 0j, third], 1).reshape(-1)


def _grown(faces: Int[np.ndarray, "F 3"], bad: Bool[np.ndarray, " F"], rings: int) -> Bool[np.ndarray, " F"]:
    for _ in range(rings):
        near = np.zeros(int(faces.max()) + 1, bool)
        near[faces[bad]] = True
        bad = near[faces].any(1)
    return bad


def _used(mesh: Mesh, flat: Complex[np.ndarray, " V"]) -> tuple[Mesh, Complex[np.ndarray, " V"]]:
    used = np.zeros(len(flat), bool)
    used[mesh.faces] = True
    renumber = np.cumsum(used, dtype=np.int32) - np.int32(1)
    return Mesh(mesh.vertices[used], renumber[mesh.faces]), flat[used]
