# SPDX-License-Identifier: GPL-3.0-or-later
"""Flat charts by relaxation, compiled: sweeps over their vertices.

The energy of a face is its area times the symmetric Dirichlet energy of its map (Smith & Schaefer 2015),
|J|^2 (1 + 1 / det^2), with the determinant replaced by a positive function of it where faces are turned over (Garanzha
et al. 2021), so that they turn back. A flat place is a complex number.
"""

import numpy as np
from numba import njit

STILL = 1e-3
"""What a step may gain of the energy around a vertex, as a share of it, that has come to rest."""


@njit(cache=True, nogil=True, error_model="numpy")
def rest_shapes(corners, points):
    """Per face its area and, per corner, the gradient of that corner's hat function in the face's own flat frame."""
    areas = np.empty(len(corners))
    gradients = np.zeros((len(corners), 3), np.complex128)
    for face in range(len(corners)):
        p, q, r = points[corners[face, 0]], points[corners[face, 1]], points[corners[face, 2]]
        length2 = dot(p, q, q)
        along = dot(p, q, r)
        height2 = max(dot(p, r, r) * length2 - along * along, 0.0)
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


@njit(cache=True, nogil=True, error_model="numpy")
def sweep(flat, corners, order, starts, incident, areas, gradients, softness, rounds):
    """Move each vertex in turn to where the energy of the faces around it is least.

    After the first two rounds only those that, like one beside them, were still on the move.
    """
    waiting = np.zeros(len(starts) - 1, np.bool_)
    for turn in range(rounds):
        moved = 0
        for row in range(len(order)):
            v = order[row]
            if turn > 1 and not waiting[v]:
                continue
            waiting[v] = False
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
                    if -slope > STILL * energy:
                        moved += 1
                        for at in range(starts[v], starts[v + 1]):
                            for corner in range(3):
                                waiting[corners[incident[at] // 3, corner]] = True
                    break
                step *= 0.4
                slope *= 0.4
        if moved == 0:
            break


@njit(cache=True, nogil=True, error_model="numpy")
def determinants(flat, corners, gradients):
    """Of each face's map: negative where it is turned over."""
    out = np.empty(len(corners))
    for face in range(len(corners)):
        ux, uy = _jacobian(flat, corners, gradients, face)
        out[face] = ux.real * uy.imag - ux.imag * uy.real
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _jacobian(flat, corners, gradients, face):
    """Derivatives of the flat place along the two axes of the face."""
    a, b, c = flat[corners[face, 0]], flat[corners[face, 1]], flat[corners[face, 2]]
    f, g, h = gradients[face, 0], gradients[face, 1], gradients[face, 2]
    return a * f.real + b * g.real + c * h.real, a * f.imag + b * g.imag + c * h.imag


@njit(cache=True, nogil=True, error_model="numpy")
def _positive(value, softness):
    """A positive stand-in for the determinant, its first and second derivative."""
    if softness == 0.0:
        return value, 1.0, 0.0
    root = np.sqrt(value * value + softness * softness)
    # The second form keeps its digits below zero.
    stand = (value + root) / 2 if value > 0 else softness * softness / (2 * (root - value))
    return stand, (1 + value / root) / 2, softness * softness / (2 * root**3)


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
def dot(origin, one, two):
    return (
        (one[0] - origin[0]) * (two[0] - origin[0])
        + (one[1] - origin[1]) * (two[1] - origin[1])
        + (one[2] - origin[2]) * (two[2] - origin[2])
    )
