# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a bust is cut before it is laid flat: few charts, each a disc, no seam through the face."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components

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
    count, scrap = connected_components(graph, directed=False)
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
    corners = _copies(twin, cut)
    first = np.zeros(int(corners.max()) + 1, np.int64)
    first[corners.reshape(-1)] = mesh.faces.reshape(-1)
    return Mesh(mesh.vertices[first], corners.astype(np.int32))


def twins(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, " H"]:
    """For each half edge (3 x face + corner) the one that runs back along it; -1 at borders and where it is not one."""
    starts, ends = faces.reshape(-1).astype(np.int64), np.roll(faces, -1, 1).reshape(-1).astype(np.int64)
    low, high = np.minimum(starts, ends), np.maximum(starts, ends)
    keys = low * (int(faces.max()) + 1) + high
    order = np.argsort(keys, kind="stable")
    first = np.flatnonzero(np.diff(keys[order], prepend=-1))
    pairs = first[np.diff(np.append(first, len(order))) == 2]
    one, two = order[pairs], order[pairs + 1]
    proper = starts[one] == ends[two]
    out = np.full(len(keys), -1, np.int64)
    out[one[proper]], out[two[proper]] = two[proper], one[proper]
    return out


def _labels(mesh: Mesh, twin: Int[np.ndarray, " H"]) -> Int[np.ndarray, " F"]:
    """A number for each face: head and torso, front and back, and the flat base."""
    count = len(mesh.faces)
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normal, axis=1)
    graph = _beside(twin, np.ones(len(twin)))
    base = (normal[:, 1] < -DOWNWARD * area) & (corners[:, :, 1].max(1) < corners[:, :, 1].min() + FLOOR)
    middle = corners.mean(1)
    ahead = np.where(base, 0.0, normal[:, 2])
    share = graph / 6
    for _ in range(max(1, count // SPREAD)):
        ahead = 0.5 * ahead + share @ ahead
    labels = np.where(ahead > 0, 0, 1) + np.where(middle[:, 1] > NECK, 0, 2)
    labels[base] = 4
    return rounded(labels, twin)


def rounded(labels: Int[np.ndarray, " F"], twin: Int[np.ndarray, " H"]) -> Int[np.ndarray, " F"]:
    """Labels whose borders lost their teeth: a face goes with two of its neighbours."""
    half = np.flatnonzero(twin >= 0)
    for _ in range(ROUNDING):
        beside = np.repeat(labels, 3)
        beside[half] = labels[twin[half] // 3]
        a, b, c = beside.reshape(-1, 3).T
        labels = np.where((a == b) | (a == c), a, np.where(b == c, b, labels))
    return labels


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
        graph = coo_matrix((np.ones(same.sum(), bool), (one[same], two[same])), (len(labels),) * 2)
        count, labels = connected_components(graph, directed=False)
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
    graph = coo_matrix((np.ones(int(same.sum()), bool), (rows[same], columns[same])), (len(labels),) * 2)
    count, patch = connected_components(graph, directed=False)
    bordered = np.zeros(count, bool)
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

    def following(edge: Int[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
        return edge - edge % 3 + (edge + 1) % 3

    ends = np.concatenate([np.stack([half, following(other)]), np.stack([following(half), other])], 1)
    graph = coo_matrix((np.ones(ends.shape[1], bool), tuple(ends)), (len(twin),) * 2)
    return connected_components(graph, directed=False)[1].reshape(-1, 3)


def _not_discs(corners: Int[np.ndarray, "F 3"], cut: Bool[np.ndarray, " H"]) -> list[int]:
    """A face of each piece whose Euler characteristic is not 1."""
    count = int(corners.max()) + 1
    ends = corners.reshape(-1), np.roll(corners, -1, 1).reshape(-1)
    piece = connected_components(coo_matrix((np.ones(len(cut), bool), ends), (count,) * 2), directed=False)[1]
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
