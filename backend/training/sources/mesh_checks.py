# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether triangles enclose a body: what is harmless is repaired and told, the rest refused.

A body is a set of triangles without border in the algebraic sense: every edge is passed as often one way as the other.
That allows pieces that touch, overlap or sit in one another, for which the generalised winding number (Jacobson et al.
2013) is still a whole number; it is all that signed distances need. One flat hole at the bottom, where a bust was cut,
is closed with a lid.
"""

from dataclasses import dataclass

import igl
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .errors import SourceError

WELD = 1e-5
"""Vertices this close (box units) are one."""
FLAT = 0.12
"""A hole is flat when its border strays from a plane by at most this share of its width."""
LOW = 0.3
"""... and at the bottom when it lies in the lowest part of the mesh, this share of its height."""
LEAST_VOLUME = 1e-5
"""Box units cubed; what encloses less is a sheet."""
HINT = "Close it in Blender (Mesh > Clean Up > Fill Holes)"
SHELLS_HINT = "or add --shells if whatever is hidden from outside may count as solid."


@dataclass(frozen=True, slots=True)
class Solid:
    """A closed body."""

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    """Outward."""
    source: Int[np.ndarray, " F"]
    """Which of the given faces each is, -1 for the lid."""
    flipped: Bool[np.ndarray, " F"]
    """Whether it was given the other way round."""
    notes: tuple[str, ...]

    def inside(self, points: Float[np.ndarray, "N 3"]) -> Bool[np.ndarray, " N"]:
        """Which points lie in the body."""
        winding = igl.fast_winding_number(self.vertices, self.faces, np.ascontiguousarray(points, np.float64))
        return winding > 0.5


def opening(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Int[np.ndarray, " L"] | None:
    """The border of the one flat hole at the bottom as vertex numbers of the welded mesh in order; None without one.

    Heights are along y. Used to put a bust on the floor of the box before it is closed.
    """
    welded, triangles, _ = _welded(vertices, faces)
    turned, _ = _wound(triangles)
    loops = _loops(turned)
    return loops[0] if len(loops) == 1 and _is_cut(welded, loops[0]) else None


def close(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], name: str) -> Solid:
    """A body of these triangles (box units, +Y up).

    Raises SourceError where holes, one-sided sheets or crossing edges leave no inside.
    """
    welded, triangles, kept = _welded(vertices, faces)
    notes = []
    if dropped := len(faces) - len(kept):
        notes.append(f"{name}: {dropped} triangles without area were left out.")
    if not len(triangles):
        raise SourceError(f"{name} has only triangles without area", "Check its scale and export it again.")
    triangles, flipped = _wound(triangles)
    loops = _loops(triangles)
    lid = np.zeros((0, 3), np.int64)
    if loops:
        if len(loops) > 1 or not _is_cut(welded, loops[0]):
            _refuse_open(name, welded, triangles, loops)
        welded, lid = _lid(welded, loops[0])
        notes.append(f"{name}: the cut at its bottom was closed with a flat lid.")
    faces_all = np.concatenate([triangles, lid])
    source = np.concatenate([kept, np.full(len(lid), -1)])
    turned = _inward(welded, faces_all)
    faces_all[turned] = faces_all[turned][:, ::-1]
    flipped = np.concatenate([flipped, np.zeros(len(lid), bool)]) ^ turned
    if (count := int(flipped[: len(triangles)].sum())) == len(triangles):
        notes.append(f"{name}: it was inside out; its faces were turned.")
    elif count:
        notes.append(f"{name}: {count} of its {len(triangles)} faces looked inward and were turned.")
    corners = welded[faces_all]
    volume = float(np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)
    if volume < LEAST_VOLUME:
        raise SourceError(f"{name} encloses nothing: it is a sheet", "Give it thickness (Blender's Solidify modifier).")
    return Solid(welded, np.ascontiguousarray(faces_all), source, flipped, tuple(notes))


def outer_faces(solid: Solid) -> Bool[np.ndarray, " F"]:
    """Faces with the body on one side only; where pieces overlap, the rest lies buried in it."""
    corners = solid.vertices[solid.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-20)
    middle = corners.mean(1)
    return ~solid.inside(middle + 1e-4 * normal) & solid.inside(middle - 1e-4 * normal)


def _welded(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"], Int[np.ndarray, " G"]]:
    """Vertices in one place made one, and which faces keep an area."""
    _, first, number = np.unique(np.round(vertices / WELD), axis=0, return_index=True, return_inverse=True)
    welded, triangles = np.ascontiguousarray(vertices[first], np.float64), number.reshape(-1)[faces]
    kept = np.flatnonzero((triangles != np.roll(triangles, 1, 1)).all(1))
    return welded, triangles[kept], kept


def _half_edges(triangles: Int[np.ndarray, "F 3"]) -> tuple[Int[np.ndarray, "H 2"], Int[np.ndarray, " H"]]:
    """Directed edges, and an equal number for those between the same two vertices."""
    directed = np.stack([triangles, np.roll(triangles, -1, 1)], -1).reshape(-1, 2)
    low, high = directed.min(1), directed.max(1)
    _, number = np.unique(low * (int(triangles.max()) + 1) + high, return_inverse=True)
    return directed, number.reshape(-1)


def _wound(triangles: Int[np.ndarray, "F 3"]) -> tuple[Int[np.ndarray, "F 3"], Bool[np.ndarray, " F"]]:
    """Faces turned so that neighbours agree, as few as possible in each piece; and which were turned.

    Every face stands twice in a graph, as it is and turned; neighbours that agree link equal states, others opposite
    ones. Connected states are the two ways to wind a piece; a one-sided piece (a Möbius strip) has only one and stays.
    """
    directed, number = _half_edges(triangles)
    order = np.argsort(number, kind="stable")
    uses = np.bincount(number)
    starts = np.cumsum(uses) - uses
    pair = starts[uses == 2]
    first, second = order[pair], order[pair + 1]
    agree = directed[first, 0] != directed[second, 0]
    a, b, count = first // 3, second // 3, len(triangles)
    rows = np.concatenate([a, a + count])
    columns = np.concatenate([np.where(agree, b, b + count), np.where(agree, b + count, b)])
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), (2 * count, 2 * count))
    _, label = connected_components(graph, directed=False)
    as_is, turned = label[:count], label[count:]
    # Of the two ways, the one that leaves more faces as they are; a tie keeps the face that comes first.
    votes = np.bincount(as_is, minlength=label.max() + 1)
    flip = (votes[as_is] < votes[turned]) | ((votes[as_is] == votes[turned]) & (as_is > turned))
    out = triangles.copy()
    out[flip] = out[flip][:, ::-1]
    return out, flip


def _loops(triangles: Int[np.ndarray, "F 3"]) -> list[Int[np.ndarray, " L"]]:
    """Borders (edges passed more one way than the other) as rings of vertices; what is no ring comes out empty."""
    directed, number = _half_edges(triangles)
    forward = directed[:, 0] < directed[:, 1]
    balance = np.bincount(number, np.where(forward, 1, -1))
    border = directed[(balance[number] != 0) & (np.where(forward, 1, -1) * balance[number] > 0)]
    if not len(border):
        return []
    size = int(triangles.max()) + 1
    graph = coo_matrix((np.ones(len(border), bool), (border[:, 0], border[:, 1])), (size, size))
    _, label = connected_components(graph, directed=False)
    return [_chain(border[label[border[:, 0]] == piece]) for piece in np.unique(label[border[:, 0]])]


def _chain(border: Int[np.ndarray, "E 2"]) -> Int[np.ndarray, " L"]:
    after = dict(border.tolist())
    chain = [int(border[0, 0])]
    while (following := after.get(chain[-1])) is not None and following != chain[0] and len(chain) <= len(border):
        chain.append(following)
    return np.array(chain) if len(chain) == len(border) == len(after) else np.zeros(0, np.int64)


def _is_cut(vertices: Float[np.ndarray, "V 3"], loop: Int[np.ndarray, " L"]) -> bool:
    """Whether a border is the flat cut at the bottom of a bust."""
    if len(loop) < 3:
        return False
    ring = vertices[loop]
    middle = ring.mean(0)
    _, _, axes = np.linalg.svd(ring - middle)
    width = np.ptp((ring - middle) @ axes[1])
    low, high = vertices[:, 1].min(), vertices[:, 1].max()
    flat = np.abs((ring - middle) @ axes[2]).max() <= FLAT * width
    return bool(flat and abs(axes[2, 1]) > 0.5 and middle[1] - low <= LOW * (high - low))


def _lid(
    vertices: Float[np.ndarray, "V 3"], loop: Int[np.ndarray, " L"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "L 3"]]:
    """A fan around the middle of a border, wound against it. Where it folds over itself, folds cancel."""
    middle = vertices[loop].mean(0)
    lid = np.stack([np.roll(loop, -1), loop, np.full(len(loop), len(vertices))], 1)
    return np.concatenate([vertices, middle[None]]), lid


def _inward(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Bool[np.ndarray, " F"]:
    """Faces of pieces with a negative volume, except hollows: those that lie in other pieces altogether."""
    ends = np.concatenate([faces[:, :2], faces[:, 1:]])
    graph = coo_matrix((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), (len(vertices),) * 2)
    count, label = connected_components(graph, directed=False)
    piece = label[faces[:, 0]]
    corners = vertices[faces]
    volume = np.bincount(piece, np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])), count)
    negative = volume < 0
    around = np.ascontiguousarray(faces[~negative[piece]])
    for index in np.flatnonzero(negative) if len(around) else ():
        some = np.unique(faces[piece == index])
        winding = igl.fast_winding_number(vertices, around, vertices[some[:: max(1, len(some) // 50)]])
        negative[index] = not (winding > 0.5).all()
    return negative[piece]


def _refuse_open(
    name: str, vertices: Float[np.ndarray, "V 3"], triangles: Int[np.ndarray, "F 3"], loops: list[np.ndarray]
) -> None:
    _, number = _half_edges(triangles)
    if crowded := int((np.bincount(number) > 2).sum()):
        raise SourceError(
            f"{name} has {crowded} edges with more than two faces, so its inside is not defined",
            f"{HINT.split(' (')[0]} (Mesh > Clean Up, Select Non Manifold), {SHELLS_HINT}",
        )
    count = "one hole that is not the flat cut of a bust" if len(loops) == 1 else f"{len(loops)} holes"
    raise SourceError(f"{name} is open: it has {count}, so it has no inside", f"{HINT}, {SHELLS_HINT}")
