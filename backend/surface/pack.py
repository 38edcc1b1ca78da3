# SPDX-License-Identifier: GPL-3.0-or-later
"""Flat charts side by side in the unit square, compiled: largest first, each where the square grows least."""

import numpy as np
from jaxtyping import Complex, Float, Int
from numba import njit

CELLS = 160
"""Side of the grid that places are tried on, for charts that would fill all of it."""
TURNS = 8
"""Directions in which a large chart is tried."""
LARGE = 0.02
"""Share of the whole from which a chart is large; the others lie as they come."""
GAP = 1 / 64
"""Space between charts as a share of the side: two gutters of 8 texels at 1024."""
FIRST, GROWTH, LAST = 1.18, 1.025, 1.42
"""The side that is tried first, over that of a square as large as the charts; by how much the next is larger; and the
largest for which the gap is wide enough."""


def pack(
    flat: Complex[np.ndarray, " V"],
    faces: Int[np.ndarray, "F 3"],
    chart: Int[np.ndarray, " V"],
    upright: int,
) -> Float[np.ndarray, "V 2"]:
    """Places in [0, 1]^2 of all charts, one scale for all, none mirrored; chart `upright` is not turned either."""
    count = int(chart.max()) + 1
    of_face = chart[faces[:, 0]]
    corners = flat[faces]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = np.bincount(of_face, np.abs((first.conj() * second).imag) / 2, count)
    cell = np.sqrt(areas.sum()) / CELLS
    by_chart = np.split(np.argsort(of_face, kind="stable"), np.cumsum(np.bincount(of_face, minlength=count))[:-1])
    reach = GAP * CELLS * LAST / 2
    ways = []
    for one in range(count):
        large = areas[one] > LARGE * areas.sum() and one != upright
        ways.append([_turned(corners[by_chart[one]] / cell, turn, reach) for turn in range(TURNS if large else 1)])
    longest = np.array([min(max(way[0].shape) for way in of) for of in ways])
    orders = [np.argsort(-areas, kind="stable"), np.argsort(-longest * (areas > LARGE * areas.sum()), kind="stable")]
    side = CELLS * FIRST
    while (found := _fit(ways, orders, int(side))) is None:
        side *= GROWTH
    shift = np.array([column + 1j * row + offset for row, column, _, offset in found])
    turn = np.array([way for _, _, way, _ in found])
    place = (flat / cell * turn[chart] + shift[chart]) / int(side)
    return np.clip(np.stack([place.real, place.imag], 1), 0, 1).astype(np.float32)


def _turned(triangles: Complex[np.ndarray, "F 3"], turn: int, reach: float):
    """A chart in one direction: its cells, those of its rim, the turn, and what moves it into its cells."""
    way = np.exp(2j * np.pi * turn / TURNS)
    turned = triangles * way
    # A chart keeps its half of the gap from the square's border, too.
    offset = (1 + 1j) * reach - (turned.real.min() + 1j * turned.imag.min())
    mask = _mask(turned + offset, reach)
    return mask, _rim(mask), way, offset


def _fit(ways: list, orders: list, side: int) -> list | None:
    """Row, column, turn and offset of each chart in a square of `side` cells, lowest first; None if they do not fit."""
    for order in orders:
        taken = np.zeros((side, side), np.bool_)
        found: list = [None] * len(ways)
        for one in order:
            best = (4 * side, 0, 0)
            for mask, rim, way, offset in ways[one]:
                place = _place(taken, rim, mask.shape[0], mask.shape[1], best[0])
                if place[1] >= 0:
                    best, found[one], shown = place, (place[1], place[2], way, offset), mask
            if found[one] is None:
                break
            row, column = best[1:]
            taken[row : row + shown.shape[0], column : column + shown.shape[1]] |= shown
        else:
            return found
    return None


@njit(cache=True, nogil=True)
def _mask(triangles, reach):
    """Cells nearer to a triangle than `reach`, row by row; a little more at sharp corners."""
    width, height = 1, 1
    for face in range(len(triangles)):
        for corner in range(3):
            width = max(width, int(triangles[face, corner].real + reach) + 2)
            height = max(height, int(triangles[face, corner].imag + reach) + 2)
    touched = np.zeros((height, width), np.bool_)
    for face in range(len(triangles)):
        a, b, c = triangles[face, 0], triangles[face, 1], triangles[face, 2]
        left, right = int(min(a.real, b.real, c.real)), int(max(a.real, b.real, c.real))
        bottom, top = int(min(a.imag, b.imag, c.imag)), int(max(a.imag, b.imag, c.imag))
        small = right - left <= 1 and top - bottom <= 1
        for row in range(max(bottom, 0), top + 1):
            for column in range(max(left, 0), right + 1):
                if touched[row, column]:
                    continue
                near = True
                if not small:
                    middle = complex(column + 0.5, row + 0.5)
                    for start, end in ((a, b), (b, c), (c, a)):
                        along = end - start
                        offset = middle - start
                        side = along.real * offset.imag - along.imag * offset.real
                        near &= side >= -0.7072 * abs(along)
                touched[row, column] = near
    out = np.zeros((height, width), np.bool_)
    span = int(np.ceil(reach))
    for row in range(height):
        for column in range(width):
            if not touched[row, column]:
                continue
            inner = (
                0 < row < height - 1
                and 0 < column < width - 1
                and touched[row - 1, column]
                and touched[row + 1, column]
                and touched[row, column - 1]
                and touched[row, column + 1]
            )
            if inner:
                out[row, column] = True
                continue
            for y in range(max(0, row - span), min(height, row + span + 1)):
                for x in range(max(0, column - span), min(width, column + span + 1)):
                    if (y - row) ** 2 + (x - column) ** 2 <= (reach + 0.5) ** 2:
                        out[y, x] = True
    return out


@njit(cache=True, nogil=True)
def _rim(mask):
    """Cells of a mask that have a free one beside them."""
    height, width = mask.shape
    out = np.empty((height * width, 2), np.int64)
    count = 0
    for row in range(height):
        for column in range(width):
            if mask[row, column]:
                inner = 0 < row < height - 1 and 0 < column < width - 1
                inner = (
                    inner
                    and mask[row - 1, column]
                    and mask[row + 1, column]
                    and mask[row, column - 1]
                    and mask[row, column + 1]
                )
                if not inner:
                    out[count, 0], out[count, 1] = row, column
                    count += 1
    return out[:count]


@njit(cache=True, nogil=True)
def _place(taken, rim, height, width, limit):
    """How far from the corner a chart ends where it ends nearest, and its row and column; -1 where that is no nearer
    than the limit."""
    best, best_row, best_column = limit, -1, -1
    side = len(taken)
    last = 0
    for row in range(side - height + 1):
        for column in range(min(side - width + 1, best - 2 * row - height - width)):
            # Low counts twice: charts settle in layers.
            reached = 2 * row + height + column + width
            if reached >= best:
                break
            # The cell that was in the way last time is likely to be so again.
            if taken[row + rim[last, 0], column + rim[last, 1]]:
                continue
            free = True
            for at in range(len(rim)):
                if taken[row + rim[at, 0], column + rim[at, 1]]:
                    free, last = False, at
                    break
            if free:
                best, best_row, best_column = reached, row, column
                break
    return best, best_row, best_column
