# SPDX-License-Identifier: GPL-3.0-or-later
"""Marching cubes' table (Lorensen & Cline 1987), derived instead of listed: which triangles a cell holds.

On each face of a cell, every run of inside corners is cut off on its own. That depends on the face alone, so two cells
always agree on the face between them and the surface has no holes. The cuts join to loops around the cell; each loop is
filled with the triangles whose inner edges are shortest and never lie in a face, where the next cell's could lie too.
"""

import itertools

import numpy as np
from jaxtyping import Int

CORNERS = tuple((corner & 1, corner >> 1 & 1, corner >> 2 & 1) for corner in range(8))
"""Of a cell, in cells from its lowest; a corner's number is its bit in the cell's kind."""
EDGES = tuple(
    (axis, tuple(int(at) for at in np.insert([first, second], axis, 0)))
    for axis in range(3)
    for second in (0, 1)
    for first in (0, 1)
)
"""Axis and lower corner of each edge."""
_NUMBER = {edge: number for number, edge in enumerate(EDGES)}
_FORBIDDEN = 1e3


def table() -> tuple[Int[np.ndarray, "256 M 3"], Int[np.ndarray, " 256"]]:
    """For each kind of cell (bit c: corner c is inside) the edges that its triangles' corners lie on, counter-clockwise
    from outside, and how many triangles it holds."""
    found = [list(itertools.chain.from_iterable(map(_filled, _loops(kind)))) for kind in range(256)]
    counts = np.array([len(each) for each in found], np.int64)
    out = np.full((256, int(counts.max()), 3), -1, np.int64)
    for kind, triangles in enumerate(found):
        if triangles:
            out[kind, : len(triangles)] = triangles
    return out, counts


def _loops(kind: int) -> list[list[int]]:
    """Closed rows of edges along which the surface passes the cell's faces."""
    after: dict[int, int] = {}
    for axis, side in itertools.product(range(3), (0, 1)):
        round_ = _around(axis, side)
        inside = [bool(kind >> _corner(corner) & 1) for corner in round_]
        for at in range(4):
            if inside[at] or not inside[(at + 1) % 4]:
                continue
            last = at + 1
            while inside[(last + 1) % 4]:
                last += 1
            # Seen from outside the cell, with the inside of the body on the right.
            after[_edge(round_[at], round_[(at + 1) % 4])] = _edge(round_[last % 4], round_[(last + 1) % 4])
    loops = []
    while after:
        loop = [next(iter(after))]
        while (here := after.pop(loop[-1])) != loop[0]:
            loop.append(here)
        loops.append(loop)
    return loops


def _around(axis: int, side: int) -> list[tuple[int, ...]]:
    """The corners of a face, counter-clockwise from outside the cell."""
    turn = [(0, 0), (1, 0), (1, 1), (0, 1)]
    out = []
    for first, second in turn if side else turn[::-1]:
        corner = [0, 0, 0]
        corner[axis], corner[(axis + 1) % 3], corner[(axis + 2) % 3] = side, first, second
        out.append(tuple(corner))
    return out


def _filled(loop: list[int]) -> list[tuple[int, int, int]]:
    """The cheapest triangulation of a loop (Klincsek 1980)."""
    best: dict[tuple[int, int], tuple[float, list[tuple[int, int, int]]]] = {}
    size = len(loop)
    for span in range(1, size):
        for low in range(size - span):
            high = low + span
            if span == 1:
                best[low, high] = 0.0, []
                continue
            ways = []
            for middle in range(low + 1, high):
                cost = best[low, middle][0] + best[middle, high][0]
                for one, two in ((low, middle), (middle, high)):
                    cost += _inner(loop[one], loop[two]) if two - one > 1 else 0.0
                triangle = (loop[low], loop[middle], loop[high])
                ways.append((cost, [*best[low, middle][1], *best[middle, high][1], triangle]))
            best[low, high] = min(ways)
    return best[0, size - 1][1]


def _inner(one: int, two: int) -> float:
    """What an edge between the middles of two edges of the cell costs: its length squared, more within a face."""
    first, second = _middle(one), _middle(two)
    within = ((first == second) & ((first == 0) | (first == 1))).any()
    return float(((first - second) ** 2).sum()) + (_FORBIDDEN if within else 0.0)


def _middle(edge: int) -> np.ndarray:
    axis, low = EDGES[edge]
    middle = np.array(low, float)
    middle[axis] = 0.5
    return middle


def _corner(place: tuple[int, ...]) -> int:
    return place[0] + 2 * place[1] + 4 * place[2]


def _edge(one: tuple[int, ...], two: tuple[int, ...]) -> int:
    low = min(one, two)
    axis = next(axis for axis in range(3) if one[axis] != two[axis])
    return _NUMBER[axis, low]
