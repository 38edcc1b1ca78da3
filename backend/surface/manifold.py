# SPDX-License-Identifier: GPL-3.0-or-later
"""Closed surfaces that touch themselves, taken apart into manifolds."""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .mesh import Mesh, compact

NUDGE = 1e-4
"""How far vertices that touched are drawn apart, box units."""


def separate(mesh: Mesh) -> Mesh:
    """A manifold from a closed mesh that touches itself at edges or vertices.

    At an edge of more than two faces, each face is paired with the next one around the edge that runs the other way;
    vertices are then split into the fans that these pairs connect, and the copies drawn apart a little.
    """
    faces = without_flaps(mesh.faces.astype(np.int64))
    starts, ends = faces.reshape(-1), np.roll(faces, -1, 1).reshape(-1)
    partner = _partners(mesh.vertices, faces, starts, ends)
    corners = np.arange(faces.size)
    following = corners - corners % 3 + (corners + 1) % 3
    # Half edge h runs from corner h to its follower; its partner runs back along it.
    rows = np.concatenate([corners, following])
    columns = np.concatenate([following[partner], partner])
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), (faces.size,) * 2)
    count, fan = connected_components(graph, directed=False)
    origin = np.zeros(count, np.int64)
    origin[fan] = starts
    vertices = mesh.vertices[origin].astype(np.float64)
    middles = mesh.vertices[faces].mean(1)[corners // 3]
    inward = np.stack([np.bincount(fan, middles[:, axis]) for axis in range(3)], 1) / np.bincount(fan)[:, None]
    copied = np.bincount(origin, minlength=len(mesh.vertices))[origin] > 1
    vertices[copied] += NUDGE * _unit(inward - vertices)[copied]
    vertices, split = _split_double_edges(vertices, fan.reshape(-1, 3), partner)
    return compact(vertices.astype(np.float32), split)


def without_flaps(faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, "G 3"]:
    """Without faces that use a vertex twice and without pairs that lie back to back: a collapse can leave both."""
    faces = faces[(faces != np.roll(faces, 1, 1)).all(1)]
    turned = np.take_along_axis(faces, (faces.argmin(1)[:, None] + np.arange(3)) % 3, 1)
    sign = np.where(turned[:, 1] < turned[:, 2], 1, -1)
    _, kind = np.unique(np.sort(faces, axis=1), axis=0, return_inverse=True)
    kind = kind.reshape(-1)
    # Opposite faces cancel; what remains of a kind all faces one way.
    net = np.bincount(kind, sign).astype(np.int64)
    order = np.lexsort((-sign * np.sign(net[kind]), kind))
    rank = np.arange(len(faces)) - np.searchsorted(kind[order], kind[order])
    kept = np.zeros(len(faces), bool)
    kept[order] = rank < np.abs(net[kind[order]])
    return faces[kept]


def _split_double_edges(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], partner: Int[np.ndarray, " H"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]]:
    """Where two pairs of faces still run between the same two vertices, give each pair a vertex of its own between."""
    half = np.flatnonzero(np.arange(len(partner)) < partner)
    ends = np.sort(np.stack([faces.reshape(-1)[half], np.roll(faces, -1, 1).reshape(-1)[half]], 1), axis=1)
    _, kind, uses = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    doubled = half[uses[kind.reshape(-1)] > 1]
    middle_of: dict[int, int] = {}
    added = []
    for one in doubled:
        a, b = faces[one // 3, one % 3], faces[one // 3, (one + 1) % 3]
        apexes = [faces[side // 3, (side + 2) % 3] for side in (one, partner[one])]
        middle = (vertices[a] + vertices[b]) / 2
        added.append(middle + NUDGE * _unit(vertices[apexes].mean(0) - middle))
        middle_of[int(one)] = middle_of[int(partner[one])] = len(vertices) + len(added) - 1
    if not added:
        return vertices, faces
    touched = sorted({side // 3 for side in middle_of})
    fresh = []
    for face in touched:
        # The outline with its new vertices, as a fan around its first corner that keeps every edge.
        outline = []
        for corner in range(3):
            outline.append(int(faces[face, corner]))
            if 3 * face + corner in middle_of:
                outline.append(middle_of[3 * face + corner])
        fresh += _fan(outline, set(faces[face].tolist()))
    return np.concatenate([vertices, added]), np.concatenate([np.delete(faces, touched, 0), np.array(fresh)])


def _fan(outline: list[int], corners: set[int]) -> list[tuple[int, int, int]]:
    """Triangles of an outline of three corners and the vertices between them, none along a single side."""
    if len(outline) == 3:
        return [(outline[0], outline[1], outline[2])]
    # Cut off a corner that has a new vertex on one side at least: the cut never lies along a side of the triangle.
    size = len(outline)
    for index in range(size):
        before, here, after = outline[index - 1], outline[index], outline[(index + 1) % size]
        if here in corners and (before not in corners or after not in corners):
            return [(before, here, after), *_fan(outline[:index] + outline[index + 1 :], corners - {here})]
    raise AssertionError("an outline of more than three vertices has a new one beside a corner")


def _unit(vectors: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _partners(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    starts: Int[np.ndarray, " H"],
    ends: Int[np.ndarray, " H"],
) -> Int[np.ndarray, " H"]:
    """For each half edge (corner to next corner of its face) the one that runs back along it."""
    low, high = np.minimum(starts, ends), np.maximum(starts, ends)
    order = np.lexsort((high, low))
    first = np.flatnonzero(np.diff(low[order] * len(vertices) + high[order], prepend=-1))
    sizes = np.diff(np.append(first, len(order)))
    partner = np.arange(len(starts))
    pairs = first[sizes == 2]
    partner[order[pairs]], partner[order[pairs + 1]] = order[pairs + 1], order[pairs]
    for begin, size in zip(first[sizes > 2], sizes[sizes > 2], strict=True):
        group = order[begin : begin + size]
        a, b = vertices[low[group[0]]].astype(np.float64), vertices[high[group[0]]].astype(np.float64)
        apex = vertices[faces[group // 3, (group + 2) % 3]] - a
        side = apex[0] - (b - a) * (apex[0] @ (b - a)) / max(float((b - a) @ (b - a)), 1e-30)
        group = group[np.argsort(np.arctan2(apex @ np.cross(_unit(b - a), side), apex @ side))]
        opening = starts[group] != low[group]
        # Bracket matching around the circle: what opens is closed by the next that closes.
        turn = int(np.argmin(np.cumsum(np.where(opening, 1, -1)))) + 1
        waiting: list[int] = []
        for half, opens in zip(np.roll(group, -turn), np.roll(opening, -turn), strict=True):
            if opens:
                waiting.append(half)
            elif waiting:
                other = waiting.pop()
                partner[half], partner[other] = other, half
    return partner
