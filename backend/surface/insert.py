# SPDX-License-Identifier: GPL-3.0-or-later
"""Vertices that come back into a flat layout, compiled: placed by their neighbours, and so that no face turns over.

A vertex that had moved onto a neighbour can always come back: near that neighbour there are places from which all faces
around look the right way (Hoppe 1996; Shen et al. 2019). All such places are the kernel of its ring.
"""

import numpy as np
from numba import njit

from .relax import dot

WIDEST = 0.95 * np.pi
"""Angles around a vertex are kept below this, so that its weights stay positive."""
MOST = 64
"""No vertex may have so many neighbours."""


@njit(cache=True, nogil=True)
def ring_weights(points, v, ring, size, closed, weights):
    """How a vertex lies between its neighbours, complex, into `weights`; the ring ends where it began if it is closed.

    Inside a chart these are mean value coordinates (Floater 2003) of the ring laid flat; on an outline the two
    neighbours along it alone, with the offset from the chord between them.
    """
    angle, total = np.empty(MOST), 0.0
    for at in range(size if closed else size - 1):
        angle[at] = _angle(points[v], points[ring[at]], points[ring[at + 1]])
        total += angle[at]
    weights[:] = 0
    if not closed:
        weights[size - 1] = _offset(points[ring[0]], points[ring[size - 1]], points[v], total < np.pi)
        weights[0] = 1 - weights[size - 1]
        return
    mass = 0.0
    for at in range(size):
        before = min(angle[(at + size - 1) % size] * 2 * np.pi / total, WIDEST)
        behind = min(angle[at] * 2 * np.pi / total, WIDEST)
        reach = np.sqrt(dot(points[v], points[ring[at]], points[ring[at]]))
        weights[at] = (np.tan(before / 2) + np.tan(behind / 2)) / max(reach, 1e-12)
        mass += weights[at].real
    weights[:] /= mass


@njit(cache=True, nogil=True)
def bring_back(flat, removed, begins, numbers, weights, first, last):
    """Place the removed vertices `first` to `last`, which went in this order, the last one first."""
    kernel, other = np.empty(2 * MOST, np.complex128), np.empty(2 * MOST, np.complex128)
    for row in range(last - 1, first - 1, -1):
        place = 0j
        for at in range(begins[row], begins[row + 1]):
            place += weights[at] * flat[numbers[at]]
        sound = True
        for at in range(begins[row], begins[row + 1] - 1):
            sound &= _left(flat[numbers[at]], flat[numbers[at + 1]], place) > 0
        if not sound:
            place = _inside(flat, numbers[begins[row] : begins[row + 1]], place, kernel, other)
        flat[removed[row]] = place


@njit(cache=True, nogil=True)
def _inside(flat, ring, place, kernel, other):
    """The middle of the kernel of a ring; the place itself where that is empty."""
    low, high = complex(np.inf, np.inf), complex(-np.inf, -np.inf)
    for number in ring:
        low = complex(min(low.real, flat[number].real), min(low.imag, flat[number].imag))
        high = complex(max(high.real, flat[number].real), max(high.imag, flat[number].imag))
    if ring[0] != ring[-1]:
        # On an outline there is room outside of the ring.
        room = complex(abs(high - low), abs(high - low))
        low, high = low - room, high + room
    kernel[0], kernel[2] = low, high
    kernel[1], kernel[3] = complex(high.real, low.imag), complex(low.real, high.imag)
    size = 4
    for at in range(len(ring) - 1):
        a, b = flat[ring[at]], flat[ring[at + 1]]
        count = 0
        for corner in range(size):
            here, after = kernel[corner], kernel[(corner + 1) % size]
            one, two = _left(a, b, here), _left(a, b, after)
            if one >= 0:
                other[count] = here
                count += 1
            if (one > 0 and two < 0) or (one < 0 and two > 0):
                other[count] = here + (after - here) * (one / (one - two))
                count += 1
        kernel, other, size = other, kernel, count
    area, middle = 0.0, 0j
    for corner in range(1, size - 1):
        part = _left(kernel[0], kernel[corner], kernel[corner + 1])
        area += part
        middle += part * (kernel[0] + kernel[corner] + kernel[corner + 1]) / 3
    return middle / area if area > 0 else place


@njit(cache=True, nogil=True)
def _left(start, end, point):
    """Twice the area of a triangle, positive where the point is left of the edge."""
    along, across = end - start, point - start
    return along.real * across.imag - along.imag * across.real


@njit(cache=True, nogil=True)
def _angle(apex, one, two):
    cosine = dot(apex, one, two) / max(np.sqrt(dot(apex, one, one) * dot(apex, two, two)), 1e-24)
    return np.arccos(min(max(cosine, -1.0), 1.0))


@njit(cache=True, nogil=True)
def _offset(first, last, point, outward):
    """Where a point lies against the chord from first to last, as a complex share of it."""
    length2 = max(dot(first, last, last), 1e-24)
    along = dot(first, last, point) / length2
    height = np.sqrt(max(dot(first, point, point) / length2 - along * along, 0.0))
    return complex(along, min(height, 2.0) * (1.0 if outward else -1.0))
