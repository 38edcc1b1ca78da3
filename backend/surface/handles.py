# SPDX-License-Identifier: GPL-3.0-or-later
"""Small handles and tunnels taken off a closed surface: what noise bores into a field, and no texture map survives.

A breadth-first tree of vertices and a tree of faces that crosses none of its edges leave two edges for each handle;
each closes a loop on which the surface can be cut without falling apart. With the faces joined farthest edge first,
the loops through the root are the shortest there are (Erickson & Whittlesey 2005), so they are sought from roots beside
each handle. The surface is cut along short ones, both sides are closed, and what remains is a dimple.
"""

import logging

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from .charts import cut_along, twins
from .collapse import NEXT, around
from .joined import top
from .mesh import Mesh

LONGEST = 0.25
"""Length of the longest loop that is cut, box units. Between hair and neck one may see through, and still may."""
SMOOTHING = 12
"""Rounds in which dimples are evened out."""
REACH = 3
"""Edges around a cut that this moves."""
log = logging.getLogger(__name__)


def without_handles(mesh: Mesh, longest: float = LONGEST) -> Mesh:
    """The surface with fewer handles, closed as it was; loops longer than `longest` are left.

    Faces keep their order, new ones come last. A mesh that is open or touches itself is returned as it is.
    """
    twin = twins(mesh.faces)
    if (twin < 0).any():
        return mesh
    loops = short_loops(mesh, twin, longest)
    if not loops:
        return mesh
    cut = np.zeros(len(twin), bool)
    for loop in loops:
        cut[loop] = cut[twin[loop]] = True
    opened, origin = cut_along(twin, cut)
    closed = _closed(mesh, opened, mesh.faces.reshape(-1)[origin], np.flatnonzero(cut))
    log.info("%d handles taken off", len(loops))
    return closed


def short_loops(mesh: Mesh, twin: Int[np.ndarray, " H"], longest: float) -> list[Int[np.ndarray, " N"]]:
    """Loops of half edges (3 x face + corner), no two with a common vertex, whose cuts leave the surface whole."""
    faces = mesh.faces
    edges = np.linalg.norm(np.roll(mesh.vertices[faces], -1, 1) - mesh.vertices[faces], axis=2).reshape(-1)
    starts, incident = around(faces)
    taken = np.zeros(len(starts) - 1, bool)
    wall = np.zeros(len(twin), bool)
    found: list[Int[np.ndarray, " N"]] = []

    def seek(root: int) -> list[Int[np.ndarray, " N"]]:
        depth, came = _tree(faces, starts, incident, root, taken)
        left = _left_over(faces, twin, depth, came, wall)
        return sorted((_loop(faces, came, depth, half) for half in left), key=len)

    progress = True
    while progress:
        progress = False
        # Where a tree from far away closes around a handle, its loop is long, but begins beside the handle.
        for far in seek(int(np.flatnonzero(~taken)[0])):
            root = int(faces[far[0] // 3, far[0] % 3])
            if taken[root]:
                continue
            near = seek(root)
            if not near:
                return found
            loop = near[0]
            if edges[loop].sum() <= longest:
                wall[loop] = wall[twin[loop]] = True
                taken[faces[loop // 3, loop % 3]] = taken[faces[loop // 3, (loop + 1) % 3]] = True
                found.append(loop)
                progress = True
    return found


def _closed(
    mesh: Mesh, faces: Int[np.ndarray, "F 3"], origin: Int[np.ndarray, " W"], cut: Int[np.ndarray, " N"]
) -> Mesh:
    """Both sides of all cuts closed by fans around their middles, and evened out."""
    vertices = mesh.vertices[origin].astype(np.float64)
    starts, ends = faces.reshape(-1)[cut], np.roll(faces, -1, 1).reshape(-1)[cut]
    after = dict(zip(starts.tolist(), ends.tolist(), strict=True))
    rims = []
    while after:
        rim = [next(iter(after))]
        while (here := after.pop(rim[-1])) != rim[0]:
            rim.append(here)
        rims.append(rim)
    patches: list[Int[np.ndarray, "N 3"]] = []
    middles: list[Float[np.ndarray, " 3"]] = []
    for rim in rims:
        ring = np.array(rim)
        if len(ring) == 3:
            patches.append(ring[None, ::-1])
            continue
        middle = np.full(len(ring), len(vertices) + len(middles))
        middles.append(vertices[ring].mean(0))
        patches.append(np.stack([np.roll(ring, -1), ring, middle], 1))
    whole = np.concatenate([faces, *patches])
    vertices = np.concatenate([vertices, np.array(middles).reshape(-1, 3)])
    return Mesh(_evened(vertices, whole, rims), whole.astype(np.int32))


def _evened(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], rims: list[list[int]]
) -> Float[np.ndarray, "V 3"]:
    """Positions around the rims moved to where their neighbours' mean is, round by round."""
    near = np.zeros(len(vertices), bool)
    near[np.concatenate(rims)] = True
    for _ in range(REACH):
        near[faces[near[faces].any(1)]] = True
    rows = faces[near[faces].any(1)]
    starts, ends = rows.reshape(-1), np.roll(rows, -1, 1).reshape(-1)
    count = np.maximum(np.bincount(starts, minlength=len(vertices)), 1)[:, None]
    for _ in range(SMOOTHING):
        mean = np.stack([np.bincount(starts, vertices[ends, axis], len(vertices)) for axis in range(3)], 1) / count
        vertices[near] += 0.6 * (mean - vertices)[near]
    return vertices.astype(np.float32)


@njit(cache=True, nogil=True)
def _tree(faces, starts, incident, root, taken):
    """Edges between each vertex and the root, and the half edge it was reached by; -1 where it was not."""
    depth = np.full(len(starts) - 1, -1, np.int32)
    came = np.full(len(depth), -1, np.int64)
    queue = np.empty(len(depth), np.int32)
    queue[0], depth[root], first, last = root, 0, 0, 1
    while first < last:
        v = queue[first]
        first += 1
        for row in range(starts[v], starts[v + 1]):
            at = incident[row]
            w = faces[at // 3, NEXT[at % 3]]
            if depth[w] < 0 and not taken[w]:
                depth[w], came[w] = depth[v] + 1, at
                queue[last] = w
                last += 1
    return depth, came


@njit(cache=True, nogil=True)
def _left_over(faces, twin, depth, came, wall):
    """Half edges in neither tree; the tree of faces takes the edges farthest from the root first."""
    far = 2 * depth.max() + 1
    count = np.zeros(far + 2, np.int64)
    key = np.full(len(twin), -1, np.int32)
    for half in range(len(twin)):
        if half > twin[half] or wall[half]:
            continue
        a, b = faces[half // 3, half % 3], faces[half // 3, NEXT[half % 3]]
        if came[b] == half or came[a] == twin[half]:
            continue
        key[half] = 0 if depth[a] < 0 or depth[b] < 0 else far - depth[a] - depth[b]
        count[key[half] + 1] += 1
    for row in range(1, len(count)):
        count[row] += count[row - 1]
    order = np.empty(count[-1], np.int64)
    for half in range(len(twin)):
        if key[half] >= 0:
            order[count[key[half]]] = half
            count[key[half]] += 1
    parent = np.arange(len(faces))
    left = np.empty(len(order), np.int64)
    size = 0
    for row in range(len(order)):
        half = order[row]
        one, two = top(parent, half // 3), top(parent, twin[half] // 3)
        if one != two:
            parent[one] = two
        elif key[half] > 0:
            left[size] = half
            size += 1
    return left[:size]


@njit(cache=True, nogil=True)
def _loop(faces, came, depth, half):
    """The half edges of the loop that one closes, that one first and then back to it along the tree; each runs away
    from the root but for the first."""
    a, b = faces[half // 3, half % 3], faces[half // 3, NEXT[half % 3]]
    out = np.empty(depth[a] + depth[b] + 1, np.int64)
    out[0], size = half, 1
    while a != b:
        if depth[a] < depth[b]:
            a, b = b, a
        out[size] = came[a]
        a = faces[came[a] // 3, came[a] % 3]
        size += 1
    return out[:size]
