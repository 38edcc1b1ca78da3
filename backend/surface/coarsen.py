# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts that lose their vertices one by one, shortest edges first, compiled; each remembers how to come back.

Half edge 3 x face + corner runs from that corner to the next; its twin runs back along it, -1 on an outline. A vertex
moves onto a neighbour; one on an outline along that alone. What counts is how faces hang together: in space they may
turn over. Charts stay discs by the link condition (Dey et al. 1999).
"""

import numpy as np
from numba import njit

from .insert import MOST, ring_weights

DRAWERS = 240
"""Four for every doubling of a squared length, from 2^-40."""
CROWDED = 8
"""Neighbours of what a vertex moves onto above which the move is put off."""


@njit(cache=True, nogil=True)
def half_edges(corners, count):
    """Twins, and for each vertex a half edge that starts there: on an outline the one that runs along it."""
    starts = np.zeros(count + 1, np.int64)
    for face in range(len(corners)):
        for corner in range(3):
            starts[corners[face, corner] + 1] += 1
    for row in range(count):
        starts[row + 1] += starts[row]
    leaving = np.empty(3 * len(corners), np.int64)
    free = starts[:-1].copy()
    for half in range(3 * len(corners)):
        v = corners[half // 3, half % 3]
        leaving[free[v]] = half
        free[v] += 1
    twin = np.full(3 * len(corners), -1, np.int64)
    for half in range(3 * len(corners)):
        v, w = corners[half // 3, half % 3], _end(corners, half)
        for row in range(starts[w], starts[w + 1]):
            if _end(corners, leaving[row]) == v:
                twin[half] = leaving[row]
    start = np.full(count, -1, np.int64)
    for half in range(3 * len(corners)):
        v = corners[half // 3, half % 3]
        if start[v] < 0 or twin[half] < 0:
            start[v] = half
    return twin, start


@njit(cache=True, nogil=True)
def coarsen(corners, points, budgets):
    """Vertices in the order in which they went, and how each lay between its neighbours then.

    `corners` and `points` are the faces' vertices and positions, `budgets` falling numbers of faces. Returns the
    removed vertices, where the row of each begins, neighbours and complex weights by row (see `insert.bring_back`), and
    for each budget how many had gone when it was met and the faces left then.
    """
    count = len(points)
    corners = corners.copy()
    twin, start = half_edges(corners, count)
    alive = np.ones(len(corners), np.bool_)
    mark = np.full(count, -1, np.int64)
    ring, other = np.empty(MOST, np.int64), np.empty(MOST, np.int64)
    removed = np.empty(count, np.int64)
    begins = np.zeros(count + 1, np.int64)
    numbers, weights = np.empty(12 * count + MOST, np.int64), np.empty(12 * count + MOST, np.complex128)
    met = np.zeros(len(budgets), np.int64)
    kept = [corners[:0].copy()]
    left, gone, level = len(corners), 0, 0
    nearest = np.full(count, np.inf)
    sizes = np.zeros(count, np.int64)
    # Vertices in drawers by length: the first and last of each, and for each vertex its drawer and neighbours there.
    ends = np.full((DRAWERS, 2), -1, np.int64)
    drawer, ahead, behind = np.full(count, -1, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    lowest = 0
    for v in range(count):
        if start[v] >= 0:
            nearest[v] = _nearest(corners, twin, start, points, v, ring)
            sizes[v] = _ring(corners, twin, start[v], ring)[0]
            _put(ends, drawer, ahead, behind, v, nearest[v])
    while level < len(budgets):
        while lowest < DRAWERS and ends[lowest, 0] < 0:
            lowest += 1
        if left <= budgets[level] or lowest == DRAWERS:
            met[level] = gone
            kept.append(corners[alive])
            level += 1
            continue
        v = ends[lowest, 0]
        _take(ends, drawer, ahead, behind, v)
        size, closed = _ring(corners, twin, start[v], ring)
        if begins[gone] + size + 1 > len(numbers):
            continue
        w = _target(corners, twin, start, points, v, ring, size, closed, sizes, other, mark)
        if w < 0:
            continue
        row = begins[gone]
        total = size + 1 if closed else size
        ring[size] = ring[0]
        numbers[row : row + total] = ring[:total]
        ring_weights(points, v, ring, size, closed, weights[row : row + total])
        removed[gone] = v
        gone += 1
        begins[gone] = row + total
        left -= _close(corners, twin, start, alive, v, w)
        for at in range(size):
            near = ring[at]
            if near == w:
                sizes[w] = _ring(corners, twin, start[w], other)[0]
            elif _adjoins(ring, size, closed, at, w):
                sizes[near] -= 1
            cost = nearest[near]
            if near == w or _length(points, near, v) <= cost:
                cost = _nearest(corners, twin, start, points, near, other)
            elif twin[start[near]] >= 0:
                cost = min(cost, _length(points, near, w))
            # Last in its drawer again, so that others go first and no place is emptied before the next; and what could
            # not move may be able to now.
            nearest[near] = cost
            _take(ends, drawer, ahead, behind, near)
            lowest = min(lowest, _put(ends, drawer, ahead, behind, near, cost))
    return removed[:gone], begins[: gone + 1], numbers, weights, met, kept[1:]


@njit(cache=True, nogil=True)
def _put(ends, drawer, ahead, behind, v, length):
    """Put a vertex last into the drawer of a squared length; which that is."""
    at = min(max(int(4 * np.log2(max(length, 1e-30))) + 4 * 40, 0), DRAWERS - 1)
    ahead[v], behind[v] = -1, ends[at, 1]
    if ends[at, 1] >= 0:
        ahead[ends[at, 1]] = v
    else:
        ends[at, 0] = v
    ends[at, 1], drawer[v] = v, at
    return at


@njit(cache=True, nogil=True)
def _take(ends, drawer, ahead, behind, v):
    """Take a vertex out of the drawer it lies in, if it lies in one."""
    at = drawer[v]
    if at < 0:
        return
    if behind[v] >= 0:
        ahead[behind[v]] = ahead[v]
    else:
        ends[at, 0] = ahead[v]
    if ahead[v] >= 0:
        behind[ahead[v]] = behind[v]
    else:
        ends[at, 1] = behind[v]
    drawer[v] = -1


@njit(cache=True, nogil=True)
def _adjoins(ring, size, closed, at, w):
    """Whether a place of a ring is next to where `w` stands in it."""
    if ring[at - 1 if at > 0 else size - 1] == w:
        return at > 0 or closed
    return ring[at + 1 if at + 1 < size else 0] == w and (at + 1 < size or closed)


@njit(cache=True, nogil=True)
def _end(corners, half):
    return corners[half // 3, (half + 1) % 3 if half % 3 == 2 else half % 3 + 1]


@njit(cache=True, nogil=True)
def _next(half):
    return half - 2 if half % 3 == 2 else half + 1


@njit(cache=True, nogil=True)
def _before(half):
    return half + 2 if half % 3 == 0 else half - 1


@njit(cache=True, nogil=True)
def _ring(corners, twin, first, ring):
    """Neighbours counter-clockwise, how many, and whether they go all the way round."""
    size, half = 0, first
    while size < MOST - 2:
        ring[size] = _end(corners, half)
        size += 1
        back = _before(half)
        half = twin[back]
        if half == first:
            return size, True
        if half < 0:
            ring[size] = corners[back // 3, back % 3]
            return size + 1, False
    return size, False


@njit(cache=True, nogil=True)
def _length(points, v, w):
    return (points[v, 0] - points[w, 0]) ** 2 + (points[v, 1] - points[w, 1]) ** 2 + (points[v, 2] - points[w, 2]) ** 2


@njit(cache=True, nogil=True)
def _nearest(corners, twin, start, points, v, ring):
    """Squared length of the shortest edge a vertex may move along."""
    size, closed = _ring(corners, twin, start[v], ring)
    best = np.inf
    for at in range(size):
        if closed or at == 0 or at == size - 1:
            best = min(best, _length(points, v, ring[at]))
    return best


@njit(cache=True, nogil=True)
def _target(corners, twin, start, points, v, ring, size, closed, sizes, other, mark):
    """The nearest neighbour that a vertex can move onto; -1 where there is none."""
    for at in range(size):
        mark[ring[at]] = v
    after, found = -1.0, -1
    while found < 0:
        best, w = np.inf, -1
        for at in range(size):
            if closed or at == 0 or at == size - 1:
                cost = _length(points, v, ring[at]) * max(1.0, (size + sizes[ring[at]] - 4) / CROWDED) ** 2
                if after < cost < best and size + sizes[ring[at]] < MOST - 4:
                    best, w = cost, ring[at]
        if w < 0:
            break
        after = best
        count, _ = _ring(corners, twin, start[w], other)
        shared = 0
        for row in range(count):
            shared += mark[other[row]] == v
        # The last face of a chart stays.
        if shared == (2 if closed else 1) and (closed or size > 2 or count > 2):
            found = w
    for at in range(size):
        mark[ring[at]] = -1
    return found


@njit(cache=True, nogil=True)
def _close(corners, twin, start, alive, v, w):
    """Move a vertex onto a neighbour; the number of faces that go."""
    first = start[v]
    half, along, back = first, -1, -1
    while half >= 0:
        if _end(corners, half) == w:
            along = half
        before = _before(half)
        if corners[before // 3, before % 3] == w:
            back = before
        corners[half // 3, half % 3] = w
        half = twin[before]
        if half == first:
            break
    for way in (along, back):
        if way >= 0:
            _glue(twin, alive, _next(way), _before(way))
    for way in (along, back):
        if way >= 0:
            _begin(corners, twin, start, _next(way), _before(way))
    return (along >= 0) + (back >= 0)


@njit(cache=True, nogil=True)
def _glue(twin, alive, one, two):
    """Take a face out and join what lies behind its two edges that become one."""
    alive[one // 3] = False
    if twin[one] >= 0:
        twin[twin[one]] = twin[two]
    if twin[two] >= 0:
        twin[twin[two]] = twin[one]


@njit(cache=True, nogil=True)
def _begin(corners, twin, start, one, two):
    """Where the faces around both ends of such an edge begin; `one` runs to where `two` starts."""
    a, b = twin[one], twin[two]
    _restart(twin, start, corners[one // 3, one % 3], b if b >= 0 else _next(a))
    _restart(twin, start, corners[two // 3, two % 3], a if a >= 0 else _next(b))


@njit(cache=True, nogil=True)
def _restart(twin, start, v, half):
    """Turn clockwise to where the faces around a vertex begin."""
    first = half
    while twin[half] >= 0:
        half = _next(twin[half])
        if half == first:
            break
    start[v] = half
