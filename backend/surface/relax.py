# SPDX-License-Identifier: GPL-3.0-or-later
"""Flat charts by relaxation from coarse to fine, compiled: how removed vertices come back, and sweeps over all.

The energy of a face is its area times the symmetric Dirichlet energy of its map (Smith & Schaefer 2015),
|J|^2 (1 + 1 / det^2), with the determinant replaced by a positive function of it where faces are turned over (Garanzha
et al. 2021), so that they turn back. A flat place is a complex number.
"""

import numpy as np
from numba import njit

from .collapse import NEXT

WIDEST = 0.95 * np.pi
"""Angles around a vertex are kept below this, so that its weights stay positive."""


@njit(cache=True, nogil=True)
def places_from_rings(corners, starts, incident, removed, points):
    """How each removed vertex lies between its neighbours: where its row begins, their numbers, complex weights.

    Inside a chart these are mean value coordinates (Floater 2003) of the ring laid flat; on an outline the two
    neighbours along it alone, with the offset from the chord between them.
    """
    begins = np.zeros(len(removed) + 1, np.int64)
    for row in range(len(removed)):
        begins[row + 1] = begins[row] + starts[removed[row] + 1] - starts[removed[row]] + 1
    numbers = np.zeros(begins[-1], np.int64)
    weights = np.zeros(begins[-1], np.complex128)
    angle = np.empty(512)
    for row in range(len(removed)):
        v = removed[row]
        begin = begins[row]
        # The ring in order: from the neighbour that follows no other, if there is one.
        first, size = -1, starts[v + 1] - starts[v]
        for one in range(starts[v], starts[v + 1]):
            start = _beside(corners, incident[one], 1)
            opened = True
            for two in range(starts[v], starts[v + 1]):
                opened &= _beside(corners, incident[two], 2) != start
            if opened:
                first = start
        closed = first < 0
        if closed:
            first = _beside(corners, incident[starts[v]], 1)
        count, here, total = 0, first, 0.0
        while count < size and count < 500:
            numbers[begin + count] = here
            for one in range(starts[v], starts[v + 1]):
                if _beside(corners, incident[one], 1) == here:
                    after = _beside(corners, incident[one], 2)
                    angle[count] = _angle(points[v], points[here], points[after])
                    total += angle[count]
                    here = after
                    break
            count += 1
        if not closed:
            numbers[begin + 1] = here
            numbers[begin] = first
            weights[begin + 1] = _offset(points[first], points[here], points[v], total < np.pi)
            weights[begin] = 1 - weights[begin + 1]
            continue
        mass = 0.0
        for at in range(count):
            before = min(angle[(at + count - 1) % count] * 2 * np.pi / total, WIDEST)
            behind = min(angle[at] * 2 * np.pi / total, WIDEST)
            reach = np.sqrt(((points[numbers[begin + at], :3] - points[v, :3]) ** 2).sum())
            weight = (np.tan(before / 2) + np.tan(behind / 2)) / max(reach, 1e-12)
            weights[begin + at] = weight
            mass += weight
        for at in range(count):
            weights[begin + at] /= mass
    return begins, numbers, weights


@njit(cache=True, nogil=True)
def bring_back(flat, removed, begins, numbers, weights):
    """Place the removed vertices, in place."""
    for row in range(len(removed)):
        place = 0j
        for at in range(begins[row], begins[row + 1]):
            place += weights[at] * flat[numbers[at]]
        flat[removed[row]] = place


@njit(cache=True, nogil=True)
def rest_shapes(corners, points):
    """Per face its area and, per corner, the gradient of that corner's hat function in the face's own flat frame."""
    areas = np.empty(len(corners))
    gradients = np.zeros((len(corners), 3), np.complex128)
    for face in range(len(corners)):
        p, q, r = points[corners[face, 0]], points[corners[face, 1]], points[corners[face, 2]]
        length2 = _dot(p, q, q)
        along = _dot(p, q, r)
        height2 = max(_dot(p, r, r) * length2 - along * along, 0.0)
        length = np.sqrt(max(length2, 1e-24))
        # No face is so flat that its neighbours must follow it.
        height = max(np.sqrt(height2) / length, 1e-3 * length)
        b, c = complex(length, 0.0), complex(along / length, height)
        twice = length * height
        areas[face] = twice / 2
        # The gradient of a hat is the opposite edge turned inward, over twice the area.
        gradients[face, 0] = 1j * (c - b) / twice
        gradients[face, 1] = 1j * (-c) / twice
        gradients[face, 2] = 1j * b / twice
    return areas, gradients


@njit(cache=True, nogil=True)
def sweep(flat, corners, order, starts, incident, areas, gradients, softness, rounds):
    """Move each vertex in turn to where the energy of the faces around it is least; returns the largest step."""
    largest = 0.0
    for _ in range(rounds):
        largest = 0.0
        for row in range(len(order)):
            v = order[row]
            gx, gy, hxx, hxy, hyy = 0.0, 0.0, 0.0, 0.0, 0.0
            energy = 0.0
            for at in range(starts[v], starts[v + 1]):
                face = incident[at] // 3
                corner = incident[at] - 3 * face
                value, x, y, xx, xy, yy = _terms(flat, corners, gradients, face, corner, 0j, softness)
                area = areas[face]
                energy += area * value
                gx += area * x
                gy += area * y
                hxx += area * xx
                hxy += area * xy
                hyy += area * yy
            step = _newton(gx, gy, hxx, hxy, hyy)
            slope = gx * step.real + gy * step.imag
            for _try in range(12):
                after = 0.0
                for at in range(starts[v], starts[v + 1]):
                    face = incident[at] // 3
                    after += areas[face] * _energy(
                        flat, corners, gradients, face, incident[at] - 3 * face, step, softness
                    )
                if after <= energy + 1e-4 * slope:
                    flat[v] += step
                    largest = max(largest, abs(step))
                    break
                step *= 0.4
                slope *= 0.4
    return largest


@njit(cache=True, nogil=True)
def determinants(flat, corners, gradients):
    """Of each face's map: negative where it is turned over."""
    out = np.empty(len(corners))
    for face in range(len(corners)):
        ux, uy = _jacobian(flat, corners, gradients, face)
        out[face] = ux.real * uy.imag - ux.imag * uy.real
    return out


@njit(cache=True, nogil=True)
def _jacobian(flat, corners, gradients, face):
    """Derivatives of the flat place along the two axes of the face."""
    a, b, c = flat[corners[face, 0]], flat[corners[face, 1]], flat[corners[face, 2]]
    f, g, h = gradients[face, 0], gradients[face, 1], gradients[face, 2]
    return a * f.real + b * g.real + c * h.real, a * f.imag + b * g.imag + c * h.imag


@njit(cache=True, nogil=True)
def _positive(value, softness):
    """A positive stand-in for the determinant, its first and second derivative."""
    if softness == 0.0:
        return value, 1.0, 0.0
    root = np.sqrt(value * value + softness * softness)
    # The second form keeps its digits below zero.
    stand = (value + root) / 2 if value > 0 else softness * softness / (2 * (root - value))
    return stand, (1 + value / root) / 2, softness * softness / (2 * root**3)


@njit(cache=True, nogil=True)
def _energy(flat, corners, gradients, face, corner, step, softness):
    ux, uy = _jacobian(flat, corners, gradients, face)
    g = gradients[face, corner]
    ux, uy = ux + step * g.real, uy + step * g.imag
    det = ux.real * uy.imag - ux.imag * uy.real
    if softness == 0.0 and det <= 0:
        return np.inf
    stand = _positive(det, softness)[0]
    size = ux.real**2 + ux.imag**2 + uy.real**2 + uy.imag**2
    return size * (1 + 1 / (stand * stand))


@njit(cache=True, nogil=True)
def _terms(flat, corners, gradients, face, corner, step, softness):
    """Energy of a face, its gradient and its second derivatives by the place of one corner.

    The map's derivatives are linear in that place, and so is its determinant, for the change has rank one.
    """
    ux, uy = _jacobian(flat, corners, gradients, face)
    g = gradients[face, corner]
    det = ux.real * uy.imag - ux.imag * uy.real
    dx, dy = uy.imag * g.real - ux.imag * g.imag, ux.real * g.imag - uy.real * g.real
    stand, first, second = _positive(det, softness)
    size = ux.real**2 + ux.imag**2 + uy.real**2 + uy.imag**2
    sx, sy = 2 * (ux.real * g.real + uy.real * g.imag), 2 * (ux.imag * g.real + uy.imag * g.imag)
    ss = 2 * (g.real**2 + g.imag**2)
    rest = 1 + 1 / (stand * stand)
    slope = -2 / stand**3 * first
    curve = 6 / stand**4 * first * first - 2 / stand**3 * second
    return (
        size * rest,
        sx * rest + size * slope * dx,
        sy * rest + size * slope * dy,
        ss * rest + 2 * sx * slope * dx + size * curve * dx * dx,
        sx * slope * dy + sy * slope * dx + size * curve * dx * dy,
        ss * rest + 2 * sy * slope * dy + size * curve * dy * dy,
    )


@njit(cache=True, nogil=True)
def _newton(gx, gy, hxx, hxy, hyy):
    """The Newton step with both curvatures made positive."""
    middle, half = (hxx + hyy) / 2, np.sqrt(((hxx - hyy) / 2) ** 2 + hxy * hxy)
    high, low = middle + half, middle - half
    least = 1e-3 * max(abs(high), abs(low)) + 1e-30
    high, low = max(abs(high), least), max(abs(low), least)
    # The eigenvector of the larger curvature.
    if half < 1e-30:
        x, y = 1.0, 0.0
    elif hxx > hyy:
        x, y = hxx - middle + half, hxy
    else:
        x, y = hxy, hyy - middle + half
    length = np.sqrt(x * x + y * y)
    if length < 1e-30:
        x, y = 1.0, 0.0
    else:
        x, y = x / length, y / length
    across, along = (gx * x + gy * y) / high, (-gx * y + gy * x) / low
    return complex(-(across * x - along * y), -(across * y + along * x))


@njit(cache=True, nogil=True)
def _beside(corners, at, step):
    face = at // 3
    return corners[face, NEXT[at - 3 * face + step - 1]]


@njit(cache=True, nogil=True)
def _dot(origin, one, two):
    return (
        (one[0] - origin[0]) * (two[0] - origin[0])
        + (one[1] - origin[1]) * (two[1] - origin[1])
        + (one[2] - origin[2]) * (two[2] - origin[2])
    )


@njit(cache=True, nogil=True)
def _angle(apex, one, two):
    cosine = _dot(apex, one, two) / max(np.sqrt(_dot(apex, one, one) * _dot(apex, two, two)), 1e-24)
    return np.arccos(min(max(cosine, -1.0), 1.0))


@njit(cache=True, nogil=True)
def _offset(first, last, point, outward):
    """Where a point lies against the chord from first to last, as a complex share of it."""
    length2 = max(_dot(first, last, last), 1e-24)
    along = _dot(first, last, point) / length2
    height = np.sqrt(max(_dot(first, point, point) / length2 - along * along, 0.0))
    return complex(along, min(height, 2.0) * (1.0 if outward else -1.0))
