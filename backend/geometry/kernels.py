# SPDX-License-Identifier: GPL-3.0-or-later
"""Triplane and decoder at many points, compiled: all three planes and all layers while a few points are in cache.

Planes are [3, R, R, C], channels last: a texel is one cache line. Everything is float32.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from .compiled import compiled
from .vectors import ROWS, blend, dense

BLOCK = 8 * ROWS
"""Points that go through the layers together; their activations fill half of the smallest first-level caches."""
HALF, ONE, ZERO = np.float32(0.5), np.float32(1.0), np.float32(0.0)


class Layers(NamedTuple):
    """Weights as the kernels take them: [inputs, outputs], widths padded with zeros (see `lookup.pack`)."""

    first: Float[np.ndarray, "C K"]
    first_bias: Float[np.ndarray, " K"]
    second: Float[np.ndarray, "K K"]
    second_bias: Float[np.ndarray, " K"]
    out: Float[np.ndarray, "O K"]
    """One row per output."""
    out_bias: Float[np.ndarray, " O"]


@compiled
def corner(u: Any, v: Any, side: Any, channels: int, plane: int) -> Any:
    """Offset of the upper left of the four texels around a place, and the weights of all four.

    Pixel centres lie inside the border (grid_sample with align_corners off); beyond the border its value holds.
    """
    half, most = HALF * np.float32(side), np.float32(side - 1)
    x = min(max((u + ONE) * half - HALF, ZERO), most)
    y = min(max((v + ONE) * half - HALF, ZERO), most)
    column = max(min(np.int64(x), side - 2), 0)  # clamped as an integer too: NaN must not leave the array
    row = max(min(np.int64(y), side - 2), 0)
    a, b = x - np.float32(column), y - np.float32(row)
    start = ((plane * side + row) * side + column) * channels
    return start, ((ONE - a) * (ONE - b), a * (ONE - b), (ONE - a) * b, a * b)


@compiled
def gather(planes: Any, x: float, y: float, z: float, features: Any, row: int) -> None:
    """features[row] = sum of the three planes at a point."""
    side, channels = planes.shape[1], planes.shape[3]
    p, a = corner(x, y, side, channels, 0)
    q, b = corner(x, z, side, channels, 1)
    r, c = corner(y, z, side, channels, 2)
    down = side * channels
    starts = (
        p, p + channels, p + down, p + down + channels,
        q, q + channels, q + down, q + down + channels,
        r, r + channels, r + down, r + down + channels,
    )  # fmt: skip
    blend(features, row, planes, starts, a + b + c)  # type: ignore[call-arg]


@compiled
def perceive(
    first: Any, first_bias: Any, second: Any, second_bias: Any, count: int, features: Any, hidden: Any, deep: Any
) -> None:
    """deep[:count] = the second hidden layer; rows up to the next multiple of ROWS are overwritten.

    Layers come one by one: to hand on a tuple of arrays costs as much counting of references as a row of the product.
    """
    for row in range(0, count, ROWS):
        dense(hidden, row, ROWS, features, first, first_bias, True)  # type: ignore[call-arg]
        dense(deep, row, ROWS, hidden, second, second_bias, True)  # type: ignore[call-arg]


@compiled
def say(weights: Any, bias: Any, output: int, deep: Any, row: int) -> float:
    """One raw output of the decoder."""
    total = bias[output]
    for k in range(deep.shape[1]):
        total += deep[row, k] * weights[output, k]
    return total


@compiled
def features_at(planes: Any, points: Any, out: Any, first: int, last: int) -> None:
    """out[first:last] = features of the points."""
    for row in range(first, last):
        gather(planes, points[row, 0], points[row, 1], points[row, 2], out, row)


@compiled
def outputs_at(planes: Any, layers: Layers, points: Any, out: Any, first: int, last: int) -> None:
    """out[first:last] = the first out.shape[1] raw outputs at the points."""
    w1, b1, w2, b2, w3, b3 = layers
    features = np.zeros((BLOCK, planes.shape[3]), np.float32)
    hidden = np.empty((BLOCK, layers.first.shape[1]), np.float32)
    deep = np.empty((BLOCK, layers.second.shape[1]), np.float32)
    for start in range(first, last, BLOCK):
        count = min(BLOCK, last - start)
        for k in range(count):
            gather(planes, points[start + k, 0], points[start + k, 1], points[start + k, 2], features, k)
        perceive(w1, b1, w2, b2, count, features, hidden, deep)
        for k in range(count):
            for output in range(out.shape[1]):
                out[start + k, output] = say(w3, b3, output, deep, k)


@compiled
def scatter(points: Any, upward: Any, plane: int, out: Any) -> None:
    """Add to out [R, R, C] what `features_at` passes back to one of the planes."""
    side, channels = out.shape[0], out.shape[2]
    across, along = (0, 1) if plane == 0 else ((0, 2) if plane == 1 else (1, 2))
    for row in range(len(points)):
        start, shares = corner(points[row, across], points[row, along], side, 1, 0)
        i, j = start // side, start % side
        for c in range(channels):
            out[i, j, c] += shares[0] * upward[row, c]
        for c in range(channels):
            out[i, j + 1, c] += shares[1] * upward[row, c]
        for c in range(channels):
            out[i + 1, j, c] += shares[2] * upward[row, c]
        for c in range(channels):
            out[i + 1, j + 1, c] += shares[3] * upward[row, c]


@compiled
def rings(solid: Any) -> Any:
    """Steps of a chess king from each cell of [X, Y, Z] to the nearest solid one; 2^20 where there is none."""
    wide, high, deep = solid.shape
    out = np.full((wide + 2, high + 2, deep + 2), 1 << 20, np.int32)
    for i in range(wide):
        for j in range(high):
            for k in range(deep):
                if solid[i, j, k]:
                    out[i + 1, j + 1, k + 1] = 0
    # One sweep in reading order and one against it are exact for this distance: each carries on from 13 neighbours.
    for way in (1, -1):
        for a in range(1, wide + 1):
            i = a if way > 0 else wide + 1 - a
            for b in range(1, high + 1):
                j = b if way > 0 else high + 1 - b
                for c in range(1, deep + 1):
                    k = c if way > 0 else deep + 1 - c
                    least = min(out[i, j, k - way], out[i, j - way, k])
                    least = min(least, min(out[i, j - way, k - 1], out[i, j - way, k + 1]))
                    for y in range(j - 1, j + 2):
                        for z in range(k - 1, k + 2):
                            least = min(least, out[i - way, y, z])
                    out[i, j, k] = min(out[i, j, k], least + 1)
    return out[1:-1, 1:-1, 1:-1].copy()


@compiled
def squared_distances(solid: Any, reach: int) -> Any:
    """Squared Euclidean distance, in cells, from each cell of [X, Y, Z] to the nearest solid one, where that is at most
    `reach` away along every axis; larger than any such distance elsewhere.

    One axis after the other: the least of what its neighbours along it have and the squared way to them (Felzenszwalb
    and Huttenlocher 2012, section 3, within a window).
    """
    wide, high, deep = solid.shape
    far = np.int32(4 * (reach + 1) * (reach + 1))
    here = np.where(solid, np.int32(0), far).astype(np.int32)
    there = np.empty_like(here)
    for i in range(wide):
        for j in range(high):
            for k in range(deep):
                least = here[i, j, k]
                for d in range(1, reach + 1):
                    if k >= d:
                        least = min(least, here[i, j, k - d] + d * d)
                    if k + d < deep:
                        least = min(least, here[i, j, k + d] + d * d)
                there[i, j, k] = least
    for i in range(wide):
        for j in range(high):
            here[i, j] = there[i, j]
            for d in range(1, reach + 1):
                for other in (j - d, j + d):
                    if 0 <= other < high:
                        for k in range(deep):
                            here[i, j, k] = min(here[i, j, k], there[i, other, k] + d * d)
    for i in range(wide):
        there[i] = here[i]
        for d in range(1, reach + 1):
            for other in (i - d, i + d):
                if 0 <= other < wide:
                    for j in range(high):
                        for k in range(deep):
                            there[i, j, k] = min(there[i, j, k], here[other, j, k] + d * d)
    return there
