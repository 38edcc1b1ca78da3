# SPDX-License-Identifier: GPL-3.0-or-later
"""Edge collapse in rounds, compiled: which half edges may close, what each costs, and a round of the cheapest.

Quadrics in five dimensions (Garland & Heckbert 1998: position and texture position, both as lengths). A vertex is only
ever moved onto a neighbour. One on a seam or border moves along that alone, all its copies at once; where more than two
charts meet it stays. Arrays: `corners` [F, 3] vertex numbers, `places` [V] equal for copies at one position, corners at
each place (3 x face + corner) in `incident[starts[p] : starts[p + 1]]`, `points` [V, 5], `quadrics` [V, 22]: the upper
triangle of A, b, c, and the area it stands for.
"""

import numpy as np
from numba import njit

OUTLINE_WEIGHT = 4.0
"""What leaving a seam or border costs, in areas of the faces beside it."""
TURN = 0.3
"""Cosine of the sharpest turn a face may make in one collapse."""
FLATTEST = 0.02
"""Least height of a new face over its longest edge, unless it was flatter before."""
INTERIOR, OUTLINE, FIXED = 0, 1, 2
NEXT = np.array([1, 2, 0, 1], np.int32)
"""The corner after a corner, and the one after that at the next index."""


@njit(cache=True, nogil=True)
def around(ends):
    """Where the corners at each number begin, and the corners (3 x face + corner) by number."""
    starts = np.zeros(ends.max() + 2, np.int32)
    for face in range(len(ends)):
        for corner in range(3):
            starts[ends[face, corner] + 1] += 1
    for row in range(1, len(starts)):
        starts[row] += starts[row - 1]
    incident = np.empty(3 * len(ends), np.int32)
    free = starts[:-1].copy()
    for face in range(len(ends)):
        for corner in range(3):
            incident[free[ends[face, corner]]] = 3 * face + corner
            free[ends[face, corner]] += 1
    return starts, incident


@njit(cache=True, nogil=True)
def classify(corners, places, starts, incident):
    """Kind of each place, and the twin of each half edge: its number, -1 at a border, -2 - number across a seam."""
    kinds = np.zeros(len(starts) - 1, np.uint8)
    twins = np.full(3 * len(corners), -1, np.int64)
    outline = np.zeros(len(kinds), np.int64)
    for half in range(len(twins)):
        face, corner = half // 3, half % 3
        a, b = corners[face, corner], corners[face, (corner + 1) % 3]
        one, two = places[a], places[b]
        back, same = 0, 0
        for row in range(starts[two], starts[two + 1]):
            at = incident[row]
            other = at // 3
            start = at - 3 * other
            ahead, behind = corners[other, NEXT[start]], corners[other, NEXT[start + 1]]
            if places[ahead] == one:
                back += 1
                twins[half] = at if corners[other, start] == b and ahead == a else -2 - at
            if places[behind] == one:
                same += 1
        if back > 1 or same > 1:  # more than two faces at the edge, or two that disagree
            kinds[one] = kinds[two] = FIXED
        if back == 0:
            outline[one] += 2
            outline[two] += 2
        elif twins[half] < 0:
            outline[one] += 1
            outline[two] += 1
    for place in range(len(kinds)):
        first, second = -1, -1
        for at in incident[starts[place] : starts[place + 1]]:
            copy = corners[at // 3, at % 3]
            if first < 0 or copy == first:
                first = copy
            elif second < 0 or copy == second:
                second = copy
            else:
                kinds[place] = FIXED
        if kinds[place] == FIXED:
            continue
        if outline[place] == 4:
            # Two border edges leave one copy, two seam edges two; anything else is an odd corner.
            borders = 0
            for at in incident[starts[place] : starts[place + 1]]:
                face, corner = at // 3, at % 3
                borders += (twins[at] == -1) + (twins[3 * face + (corner + 2) % 3] == -1)
            plain = (borders == 2 and second < 0) or (borders == 0 and second >= 0)
            kinds[place] = OUTLINE if plain else FIXED
        elif outline[place] != 0 or second >= 0:
            kinds[place] = FIXED
    return kinds, twins


@njit(cache=True, nogil=True)
def plane_quadrics(corners, twins, points):
    quadrics = np.zeros((len(points), 22))
    first, second, flat = np.empty(5), np.empty(5), np.zeros(5)
    for face in range(len(corners)):
        p, q, r = points[corners[face, 0]], points[corners[face, 1]], points[corners[face, 2]]
        length = np.sqrt(((q - p) ** 2).sum())
        if length < 1e-12:
            continue
        first[:] = (q - p) / length
        second[:] = (r - p) - ((r - p) * first).sum() * first
        height = np.sqrt((second * second).sum())
        if height < 1e-12:
            continue
        second /= height
        area = length * height / 2
        for corner in range(3):
            _add(quadrics[corners[face, corner]], p, first, second, area / 3, area / 3)
            if twins[3 * face + corner] < 0:
                a, b = points[corners[face, corner]], points[corners[face, (corner + 1) % 3]]
                along = np.sqrt(((b - a) ** 2).sum())
                if along > 1e-12:
                    for end in (corner, (corner + 1) % 3):
                        _add(quadrics[corners[face, end]], a, (b - a) / along, flat, OUTLINE_WEIGHT * area / 3, 0.0)
    return quadrics


@njit(cache=True, nogil=True)
def _add(quadric, point, first, second, weight, stands_for):
    """Squared distance to the span of two unit vectors at a point: A = I - f f' - s s', b = -A p, c = p' A p."""
    along, across = (point * first).sum(), (point * second).sum()
    at = 0
    for row in range(5):
        for column in range(row, 5):
            unit = 1.0 if row == column else 0.0
            quadric[at] += weight * (unit - first[row] * first[column] - second[row] * second[column])
            at += 1
    for row in range(5):
        quadric[15 + row] += weight * (along * first[row] + across * second[row] - point[row])
    quadric[20] += weight * ((point * point).sum() - along * along - across * across)
    quadric[21] += stands_for


@njit(cache=True, nogil=True)
def _value(one, two, point):
    """Error of two quadrics together at a point."""
    total = one[20] + two[20]
    at = 0
    for row in range(5):
        total += 2 * (one[15 + row] + two[15 + row]) * point[row]
        for column in range(row, 5):
            share = (1.0 if row == column else 2.0) * (one[at] + two[at])
            total += share * point[row] * point[column]
            at += 1
    return max(total, 0.0)


@njit(cache=True, nogil=True)
def candidates(corners, places, kinds, twins, points, quadrics):
    """Half edges whose one end may move onto the other, the cheaper way round, and the mean squared error of that.

    `source` is the corner that moves, `target` the corner of the same face it moves to.
    """
    source = np.empty(len(twins), np.int64)
    target = np.empty(len(twins), np.int64)
    costs = np.empty(len(twins))
    count = 0
    for half in range(len(twins)):
        twin = twins[half]
        seam = -2 - twin if twin < -1 else -1
        other = twin if twin >= 0 else seam
        if other >= 0 and other < half:
            continue
        face, corner = half // 3, half % 3
        best, chosen = np.inf, -1
        for way in range(2):
            here, there = (corner, (corner + 1) % 3) if way == 0 else ((corner + 1) % 3, corner)
            v, w = corners[face, here], corners[face, there]
            kind = kinds[places[v]]
            if kind == FIXED or (kind == OUTLINE and twin >= 0):
                continue
            cost = _value(quadrics[v], quadrics[w], points[w])
            weight = quadrics[v, 21] + quadrics[w, 21]
            if seam >= 0:
                # Across the seam the edge runs the other way.
                begin = corners[seam // 3, seam % 3]
                end = corners[seam // 3, (seam % 3 + 1) % 3]
                v2, w2 = (end, begin) if way == 0 else (begin, end)
                cost += _value(quadrics[v2], quadrics[w2], points[w2])
                weight += quadrics[v2, 21] + quadrics[w2, 21]
            cost = cost / max(weight, 1e-30)
            if cost < best:
                best, chosen = cost, way
        if chosen >= 0:
            here, there = (corner, (corner + 1) % 3) if chosen == 0 else ((corner + 1) % 3, corner)
            source[count], target[count], costs[count] = 3 * face + here, 3 * face + there, best
            count += 1
    return source[:count], target[:count], costs[:count]


@njit(cache=True, nogil=True)
def close_edges(corners, places, starts, incident, source, target, points, quadrics, wanted):
    """One round, cheapest first; a neighbourhood changes once. Changes corners and quadrics; returns what remains."""
    touched = np.zeros(len(starts) - 1, np.bool_)
    dead = np.zeros(len(corners), np.bool_)
    mark = np.full(len(starts) - 1, -1, np.int64)
    gone = 0
    for row in range(len(source)):
        if gone >= wanted:
            break
        face = source[row] // 3
        v, w = corners[face, source[row] % 3], corners[face, target[row] % 3]
        moving, fixed = places[v], places[w]
        near = incident[starts[moving] : starts[moving + 1]]
        if touched[moving] or touched[fixed] or not _sound(corners, places, starts, incident, near, fixed, mark, row):
            continue
        # Each copy of the vertex moves onto the copy on its own side.
        v2, w2 = -1, -1
        for at in near:
            other, corner = at // 3, at % 3
            for step in (1, 2):
                beside = corners[other, (corner + step) % 3]
                if places[beside] == fixed and corners[other, corner] != v:
                    v2, w2 = corners[other, corner], beside
        if not _leaves_corners(corners, places, starts, incident, near, fixed):
            continue
        if not _keeps_shape(corners, places, near, fixed, v, w, w2, points):
            continue
        for at in near:
            other, corner = at // 3, at % 3
            holds = False
            for step in (1, 2):
                place = places[corners[other, (corner + step) % 3]]
                touched[place] = True
                holds |= place == fixed
            if holds:
                dead[other] = True
                gone += 1
            else:
                corners[other, corner] = w if corners[other, corner] == v else w2
        touched[moving] = True
        quadrics[w] += quadrics[v]
        if v2 >= 0:
            quadrics[w2] += quadrics[v2]
    return corners[~dead]


@njit(cache=True, nogil=True)
def _sound(corners, places, starts, incident, near, fixed, mark, row):
    """The link condition: the two ends share no neighbour but the apexes of the faces between them."""
    apexes = 0
    for at in near:
        for step in (1, 2):
            mark[places[corners[at // 3, (at % 3 + step) % 3]]] = row
    for at in near:
        a, b = places[corners[at // 3, (at % 3 + 1) % 3]], places[corners[at // 3, (at % 3 + 2) % 3]]
        apexes += (a == fixed) + (b == fixed)
    shared = 0
    for at in incident[starts[fixed] : starts[fixed + 1]]:
        for step in (1, 2):
            place = places[corners[at // 3, (at % 3 + step) % 3]]
            if mark[place] == row:
                mark[place] = -1
                shared += 1
    return shared == apexes and len(near) > apexes


@njit(cache=True, nogil=True)
def _leaves_corners(corners, places, starts, incident, near, fixed):
    """Whether every copy that stays keeps a face: else a chart would lose a corner."""
    for at in near:
        face, corner = at // 3, at % 3
        one, two = corners[face, NEXT[corner]], corners[face, NEXT[corner + 1]]
        if places[one] != fixed and places[two] != fixed:
            continue
        for stays in (one, two):
            kept = False
            for row in range(starts[places[stays]], starts[places[stays] + 1]):
                other = incident[row] // 3
                mine = incident[row] - 3 * other
                if corners[other, mine] == stays:
                    beside = corners[other, NEXT[mine]], corners[other, NEXT[mine + 1]]
                    kept |= beside[0] != corners[face, corner] and beside[1] != corners[face, corner]
            if not kept:
                return False
    return True


@njit(cache=True, nogil=True)
def _keeps_shape(corners, places, near, fixed, v, w, w2, points):
    """Whether no face around the moving vertex turns over, in space or in the texture, or becomes a splinter."""
    for at in near:
        face, corner = at // 3, at % 3
        a, b = corners[face, (corner + 1) % 3], corners[face, (corner + 2) % 3]
        if places[a] == fixed or places[b] == fixed:
            continue
        old = points[corners[face, corner]]
        new = points[w if corners[face, corner] == v else w2]
        before, after = _normal(old, points[a], points[b]), _normal(new, points[a], points[b])
        was, now = np.sqrt((before * before).sum()), np.sqrt((after * after).sum())
        if (before * after).sum() <= TURN * was * now or now == 0:
            return False
        if now < FLATTEST * _longest(new, points[a], points[b]) and now * _longest(old, points[a], points[b]) < (
            was * _longest(new, points[a], points[b])
        ):
            return False
        flat_before, flat_after = _flat(old, points[a], points[b]), _flat(new, points[a], points[b])
        if flat_before != 0 and flat_after * flat_before <= 0:
            return False
    return True


@njit(cache=True, nogil=True)
def _normal(p, q, r):
    out = np.empty(3)
    for axis in range(3):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        out[axis] = (q[i] - p[i]) * (r[j] - p[j]) - (q[j] - p[j]) * (r[i] - p[i])
    return out


@njit(cache=True, nogil=True)
def _longest(p, q, r):
    """The longest edge, squared."""
    longest = 0.0
    for a, b in ((p, q), (q, r), (r, p)):
        longest = max(longest, ((a[:3] - b[:3]) ** 2).sum())
    return longest


@njit(cache=True, nogil=True)
def _flat(p, q, r):
    return (q[3] - p[3]) * (r[4] - p[4]) - (q[4] - p[4]) * (r[3] - p[3])
