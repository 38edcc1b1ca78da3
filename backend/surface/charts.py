# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a bust is cut before it is laid flat: few charts, each a disc, no seam through the face."""

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import breadth_first_order

from .collapse import NEXT
from .joined import joined, joined_faces
from .mesh import Mesh

NECK = -0.42
"""Height that parts head and torso in the canonical frame."""
FLOOR, DOWNWARD = 0.05, 0.7
"""The base: faces so near the lowest point whose normals point down by this cosine."""
SPREAD = 1500
"""Faces for each round in which neighbours share their normals: charts follow the head's shape, not its relief."""
BENT = 0.0
"""Cosine to a scrap's mean normal from which it is laid flat in two halves."""
ROUNDING = 4
"""Times that faces take sides with two of their neighbours."""
SMALLEST = 0.01
"""Share of the surface below which a patch joins the neighbour with which it shares most of its border."""
SCRAP = 0.15
"""The same as a share of a scrap."""


def cut_bust(mesh: Mesh) -> Mesh:
    """The mesh with vertices split along the cuts of a bust, so that each connected piece is a disc; faces keep their
    order."""
    twin = twins(mesh.welded()[mesh.faces])
    least = np.full(len(mesh.faces), SMALLEST * mesh.areas().sum(dtype=np.float64))
    labels = _tidy(_labels(mesh, twin), mesh, twin, least)
    return cut_apart(mesh, twin, _parted(labels, mesh, twin))


def cut_knots(mesh: Mesh, facing: float = BENT) -> Mesh:
    """The same for scraps of surface, each of which turns over itself somewhere: those that hold faces whose normals
    lie further from the scrap's than the cosine `facing` allows, in halves that face opposite ways."""
    twin = twins(mesh.welded()[mesh.faces])
    graph = _beside(twin, np.ones(len(twin)))
    half = np.flatnonzero(twin >= 0)
    scrap = joined(half // 3, twin[half] // 3, len(mesh.faces))
    count = int(scrap.max()) + 1
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    mean = np.stack([np.bincount(scrap, normal[:, axis], count) for axis in range(3)], 1)[scrap]
    along = (normal * mean).sum(1) / np.maximum(np.linalg.norm(normal, axis=1) * np.linalg.norm(mean, axis=1), 1e-30)
    bent = np.full(count, 1.0)
    np.minimum.at(bent, scrap, along)
    shared = normal + graph @ normal
    across = np.zeros(len(normal))
    for one in np.flatnonzero(bent < facing):
        row = scrap == one
        _, axes = np.linalg.eigh(shared[row].T @ shared[row])
        across[row] = shared[row] @ axes[:, 2]
    labels = rounded((2 * scrap + (across > 0)).astype(np.int64), twin)
    return cut_apart(mesh, twin, _tidy(labels, mesh, twin, SCRAP * np.bincount(scrap, mesh.areas())[scrap]))


def cut_apart(mesh: Mesh, twin: Int[np.ndarray, " H"], labels: Int[np.ndarray, " F"]) -> Mesh:
    """The mesh with vertices split where labels differ, and so that each connected piece is a disc."""
    cut = (twin < 0) | (labels[np.arange(len(twin)) // 3] != labels[np.maximum(twin, 0) // 3])
    corners = _copies(twin, cut)
    for seed in _not_discs(corners, cut):
        _open(corners, twin, cut, seed)
    corners, origin = cut_along(twin, cut)
    return Mesh(mesh.vertices[mesh.faces.reshape(-1)[origin]], corners)


def cut_along(
    twin: Int[np.ndarray, " H"], cut: Bool[np.ndarray, " H"]
) -> tuple[Int[np.ndarray, "F 3"], Int[np.ndarray, " V"]]:
    """Faces of vertices that are split along cut half edges, and a corner (3 x face + corner) of each vertex."""
    corners = _copies(twin, cut)
    origin = np.zeros(int(corners.max()) + 1, np.int64)
    origin[corners.reshape(-1)] = np.arange(corners.size)
    return corners.astype(np.int32), origin


def twins(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, " H"]:
    """For each half edge (3 x face + corner) the one that runs back along it; -1 at borders and where it is not one."""
    return _twins(np.ascontiguousarray(faces), int(faces.max()) + 1)


@njit(cache=True, nogil=True)
def _twins(faces, count):
    """By the lower end of each edge, where few others begin."""
    starts = np.zeros(count + 1, np.int64)
    for half in range(faces.size):
        starts[min(faces[half // 3, half % 3], faces[half // 3, NEXT[half % 3]]) + 1] += 1
    for row in range(count):
        starts[row + 1] += starts[row]
    free = starts[:-1].copy()
    by_low = np.empty(faces.size, np.int64)
    high = np.empty(faces.size, np.int64)
    for half in range(faces.size):
        a, b = faces[half // 3, half % 3], faces[half // 3, NEXT[half % 3]]
        low = min(a, b)
        by_low[free[low]], high[free[low]] = half, max(a, b)
        free[low] += 1
    out = np.full(faces.size, -1, np.int64)
    for low in range(count):
        for row in range(starts[low], starts[low + 1]):
            uses, other = 0, -1
            for beside in range(starts[low], starts[low + 1]):
                if high[beside] == high[row]:
                    uses += 1
                    if beside != row:
                        other = by_low[beside]
            half = by_low[row]
            if uses == 2 and faces[other // 3, other % 3] != faces[half // 3, half % 3]:
                out[half] = other
    return out


def _labels(mesh: Mesh, twin: Int[np.ndarray, " H"]) -> Int[np.ndarray, " F"]:
    """A number for each face: head and torso, front and back, and the flat base."""
    count = len(mesh.faces)
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normal, axis=1)
    base = (normal[:, 1] < -DOWNWARD * area) & (corners[:, :, 1].max(1) < corners[:, :, 1].min() + FLOOR)
    middle = corners.mean(1)
    ahead = _shared(np.where(base, 0.0, normal[:, 2]), twin, max(1, count // SPREAD))
    labels = np.where(ahead > 0, 0, 1) + np.where(middle[:, 1] > NECK, 0, 2)
    labels[base] = 4
    return rounded(labels, twin)


def rounded(labels: Int[np.ndarray, " F"], twin: Int[np.ndarray, " H"]) -> Int[np.ndarray, " F"]:
    """Labels whose borders lost their teeth: a face goes with two of its neighbours."""
    return _rounded(labels.astype(np.int64), twin, ROUNDING)


@njit(cache=True, nogil=True)
def _rounded(labels, twin, rounds):
    for _ in range(rounds):
        out = labels.copy()
        for face in range(len(labels)):
            a, b, c = labels[face], labels[face], labels[face]
            if twin[3 * face] >= 0:
                a = labels[twin[3 * face] // 3]
            if twin[3 * face + 1] >= 0:
                b = labels[twin[3 * face + 1] // 3]
            if twin[3 * face + 2] >= 0:
                c = labels[twin[3 * face + 2] // 3]
            if a in (b, c):
                out[face] = a
            elif b == c:
                out[face] = b
        labels = out
    return labels


@njit(cache=True, nogil=True)
def _shared(values, twin, rounds):
    """Values of faces, half of each replaced by its neighbours', round by round."""
    for _ in range(rounds):
        out = np.empty_like(values)
        for face in range(len(values)):
            beside = 0.0
            for half in range(3 * face, 3 * face + 3):
                if twin[half] >= 0:
                    beside += values[twin[half] // 3]
            out[face] = 0.5 * values[face] + beside / 6
        values = out
    return values


def _tidy(
    labels: Int[np.ndarray, " F"], mesh: Mesh, twin: Int[np.ndarray, " H"], least: Float[np.ndarray, " F"]
) -> Int[np.ndarray, " F"]:
    """Patches numbered; those with less surface than what is the least at their faces joined to a neighbour."""
    areas = mesh.areas().astype(np.float64)
    ends = mesh.vertices[mesh.faces]
    lengths = np.linalg.norm(np.roll(ends, -1, 1) - ends, axis=2).reshape(-1)
    half = np.flatnonzero(twin >= 0)
    one, two = half // 3, twin[half] // 3
    for _ in range(30):
        same = labels[one] == labels[two]
        labels = joined(one[same], two[same], len(labels))
        count = int(labels.max()) + 1
        size = np.bincount(labels, areas)
        border = coo_matrix((lengths[half[~same]], (labels[one[~same]], labels[two[~same]])), (count,) * 2).tocsr()
        wanted = np.zeros(count)
        np.maximum.at(wanted, labels, least)
        small = np.flatnonzero((size < wanted) & (border.getnnz(1) > 0))
        if not len(small):
            break
        # Only those that are smaller than the neighbour they join: no two swap.
        target = np.arange(count)
        for patch in small:
            row = border[patch]
            into = row.indices[row.data.argmax()]
            if (size[into], into) > (size[patch], patch):
                target[patch] = into
        labels = target[labels]
    return labels


def _parted(labels: Int[np.ndarray, " F"], mesh: Mesh, twin: Int[np.ndarray, " H"]) -> Int[np.ndarray, " F"]:
    """Closed parts of one patch, as an eyeball beside the head, in two halves: nothing else would open them."""
    half = np.flatnonzero(twin >= 0)
    rows, columns = half // 3, twin[half] // 3
    same = labels[rows] == labels[columns]
    patch = joined(rows[same], columns[same], len(labels))
    bordered = np.zeros(int(patch.max()) + 1, bool)
    bordered[patch[np.flatnonzero(twin < 0) // 3]] = True
    bordered[patch[rows[~same]]] = True
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    ahead = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0
    return np.where(bordered[patch], labels, labels.max() + 1 + ahead)


def _beside(twin: Int[np.ndarray, " H"], weights: Float[np.ndarray, " H"]) -> csr_matrix:
    half = np.flatnonzero(twin >= 0)
    count = len(twin) // 3
    return coo_matrix((weights[half], (half // 3, twin[half] // 3)), (count, count)).tocsr()


def _copies(twin: Int[np.ndarray, " H"], cut: Bool[np.ndarray, " H"]) -> Int[np.ndarray, "F 3"]:
    """Vertex numbers such that corners share one when faces around it are joined by edges that are not cut."""
    half = np.flatnonzero(~cut)
    other = twin[half]
    after, behind = half - half % 3 + (half + 1) % 3, other - other % 3 + (other + 1) % 3
    return joined(np.concatenate([half, after]), np.concatenate([behind, other]), len(twin)).reshape(-1, 3)


def _not_discs(corners: Int[np.ndarray, "F 3"], cut: Bool[np.ndarray, " H"]) -> list[int]:
    """A face of each piece whose Euler characteristic is not 1."""
    piece = joined_faces(corners, int(corners.max()) + 1)
    of_face = piece[corners[:, 0]]
    euler = np.bincount(piece) + np.bincount(of_face)
    euler = euler - np.round(np.bincount(np.repeat(of_face, 3), np.where(cut, 1.0, 0.5))).astype(int)
    return [int(np.flatnonzero(of_face == bad)[0]) for bad in np.flatnonzero(euler != 1)]


def _open(corners: Int[np.ndarray, "F 3"], twin: Int[np.ndarray, " H"], cut: Bool[np.ndarray, " H"], seed: int) -> None:
    """Cut a piece open into a disc: faces joined breadth first from the seed, and along what they leave (in place)."""
    joined = np.where(cut, -1, twin)
    order, parent = breadth_first_order(_beside(joined, np.ones(len(twin))), seed, directed=False)
    inside = np.zeros(len(corners), bool)
    inside[order] = True
    half = np.flatnonzero(np.repeat(inside, 3) & ~cut)
    one, two = half // 3, twin[half] // 3
    left = half[(parent[one] != two) & (parent[two] != one)]
    starts, ends = corners.reshape(-1), np.roll(corners, -1, 1).reshape(-1)
    held = np.zeros(int(corners.max()) + 1, bool)
    held[starts[cut]] = held[ends[cut]] = True
    while len(left):
        # Each edge is there twice. Loose ends need no cut.
        uses = np.bincount(starts[left], minlength=len(held))
        loose = ((uses[starts[left]] == 1) & ~held[starts[left]]) | ((uses[ends[left]] == 1) & ~held[ends[left]])
        if not loose.any():
            break
        left = left[~loose]
    cut[left] = True
