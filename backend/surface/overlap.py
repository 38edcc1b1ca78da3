# SPDX-License-Identifier: GPL-3.0-or-later
"""Which faces of a flat layout lie on others."""

import numpy as np
from jaxtyping import Bool, Complex, Int
from numba import njit

from .mesh import Mesh

SAMPLES = 2_500_000
"""Sample points on a whole layout: about the texels that charts fill at 2048^2."""


def covered_twice(
    mesh: Mesh, flat: Complex[np.ndarray, " V"], chart: Int[np.ndarray, " F"], samples: int = SAMPLES
) -> Bool[np.ndarray, " F"]:
    """Faces that hold a sample point which an earlier face of the same chart holds."""
    count = int(chart.max()) + 1
    corners = flat[mesh.faces]
    low, high = _boxes(corners, chart, count)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.abs((first.conj() * second).imag).sum() / 2
    step = float(np.sqrt(max(area, 1e-12) / samples))
    # Charts side by side in one buffer of rows: each begins where the last ended.
    width = np.ceil((high - low).real / step).astype(np.int64) + 2
    height = np.ceil((high - low).imag / step).astype(np.int64) + 2
    begin = np.concatenate([[0], np.cumsum(width * height)])
    return _twice(corners, chart, low, step, width, begin)


EDGE = 1e-6
"""Share of a face along its edges that counts as no part of it."""


@njit(cache=True, nogil=True)
def _boxes(corners, chart, count):
    low, high = np.full(count, complex(np.inf, np.inf)), np.full(count, complex(-np.inf, -np.inf))
    for face in range(len(corners)):
        one = chart[face]
        for corner in range(3):
            place = corners[face, corner]
            low[one] = complex(min(low[one].real, place.real), min(low[one].imag, place.imag))
            high[one] = complex(max(high[one].real, place.real), max(high[one].imag, place.imag))
    return low, high


@njit(cache=True, nogil=True)
def _twice(corners, chart, low, step, width, begin):
    taken = np.zeros(begin[-1], np.bool_)
    bad = np.zeros(len(corners), np.bool_)
    for face in range(len(corners)):
        origin = low[chart[face]]
        a, b, c = (
            (corners[face, 0] - origin) / step,
            (corners[face, 1] - origin) / step,
            (corners[face, 2] - origin) / step,
        )
        twice = (b.real - a.real) * (c.imag - a.imag) - (c.real - a.real) * (b.imag - a.imag)
        if twice == 0:
            continue
        top = int(np.ceil(min(a.imag, b.imag, c.imag) - 0.5))
        bottom = int(np.floor(max(a.imag, b.imag, c.imag) - 0.5))
        if twice < 0:
            b, c, twice = c, b, -twice
        for row in range(max(top, 0), bottom + 1):
            y = row + 0.5
            # Weights change evenly along a row; points on an edge that two faces share belong to neither.
            left, right = -np.inf, np.inf
            for p, q in ((b, c), (c, a), (a, b)):
                slope = (p.imag - q.imag) / twice
                weight = (p.real * (q.imag - y) - q.real * (p.imag - y)) / twice - EDGE
                if slope > 0:
                    left = max(left, -weight / slope)
                elif slope < 0:
                    right = min(right, -weight / slope)
                elif weight <= 0:
                    right = -np.inf
            if right <= left:
                continue
            at = begin[chart[face]] + row * width[chart[face]]
            for column in range(max(int(np.ceil(left - 0.5)), 0), int(np.ceil(right - 0.5))):
                bad[face] |= taken[at + column]
                taken[at + column] = True
    return bad
