# SPDX-License-Identifier: GPL-3.0-or-later
"""The march of `march.march_plain`, compiled with triplane and decoder inside.

Rays wait in a few slots; all slots ask the field together, and a ray that ends makes room for the next, so the layers
always work on full blocks and neighbouring rays share the texels in cache. Both files do the same arithmetic.
"""

from typing import Any

import numpy as np

from .compiled import compiled
from .kernels import BLOCK, Layers, gather, perceive, say

EDGE = 1e-4
"""Distance from the box at which a ray's first and last questions may lie."""
FLAT = 40.0
"""Exponent beyond which an exponential makes no difference."""
PIECES = 4
"""Parts of a step on which colour is taken as constant where a density is integrated."""
T, END, LEAST, LIGHT, ASKED, OLD_T, OLD_S, OLDER_T, OLDER_S, NEARBY = range(10)
"""Columns of a slot: place, end of the ray, least distance yet, light that passes, questions asked, the last two
samples, and whether the last one was near enough to have a colour."""
OLD_RGB, RGB, COLUMNS = 10, 13, 16


@compiled
def march_rays(
    planes: Any, layers: Layers, scale: float, clear: Any, extent: float, origins: Any, directions: Any, order: Any,
    first: int, last: int, laplace: bool, beta: float, rules: Any, out: Any,
) -> int:  # fmt: skip
    """Fill out[order[first:last]] with red, green, blue and distance, all weighted by opacity, and what passes.

    Returns the questions asked. `scale` turns raw outputs to distances; `beta` stands where the decoder has no own.
    """
    w1, b1, w2, b2, w3, b3 = layers
    features = np.zeros((BLOCK, planes.shape[3]), np.float32)
    hidden = np.empty((BLOCK, layers.first.shape[1]), np.float32)
    deep = np.empty((BLOCK, layers.second.shape[1]), np.float32)
    rays = np.empty(BLOCK, np.int64)
    slots = np.empty((BLOCK, COLUMNS))
    live, upcoming, questions = 0, first, 0
    while True:
        while live < BLOCK and upcoming < last:
            ray = order[upcoming]
            upcoming += 1
            out[ray, 0] = out[ray, 1] = out[ray, 2] = out[ray, 3] = 0.0
            out[ray, 4] = 1.0
            enter, leave = _box(origins, directions, ray, extent)
            t = _skip(clear, extent, origins, directions, ray, enter + EDGE, leave)
            if t < leave:
                rays[live] = ray
                for column in range(COLUMNS):
                    slots[live, column] = 0.0
                slots[live, T], slots[live, END], slots[live, LEAST], slots[live, LIGHT] = t, leave, 1e3, 1.0
                live += 1
        if live == 0:
            return questions
        for k in range(live):
            ray, t32 = rays[k], np.float32(slots[k, T])
            gather(
                planes,
                origins[ray, 0] + t32 * directions[ray, 0],
                origins[ray, 1] + t32 * directions[ray, 1],
                origins[ray, 2] + t32 * directions[ray, 2],
                features,
                k,
            )
        perceive(w1, b1, w2, b2, live, features, hidden, deep)
        questions += live
        kept = 0
        for k in range(live):
            t = slots[k, T]
            s = scale * say(w3, b3, 0, deep, k)
            width = beta
            if laplace and len(b3) > 4:
                width = 0.01 + np.tanh(2.0 * say(w3, b3, 4, deep, k)) * (0.01 - 0.0001)
            nearby = s < rules.horizon * width
            if nearby:
                for c in range(3):
                    colour = 1.02 / (1.0 + np.exp(-say(w3, b3, 1 + c, deep, k))) - 0.01
                    slots[k, RGB + c] = min(max(colour, 0.0), 1.0)
                    if slots[k, NEARBY] == 0:
                        slots[k, OLD_RGB + c] = slots[k, RGB + c]
            slope = 1.0
            if slots[k, ASKED] > 0:
                slope = (slots[k, OLD_S] - s) / (t - slots[k, OLD_T])
            else:
                slots[k, OLD_T], slots[k, OLD_S] = t, s + 1e3
            light, old_t, old = slots[k, LIGHT], slots[k, OLD_T], slots[k, OLD_S]
            if nearby or slots[k, NEARBY] > 0:
                place, least = 0.0, slots[k, LEAST]
                if laplace:
                    light, place = _through_density(light, old, s, t - old_t, width)
                elif s < least:
                    light, place = _through_surface(light, least, old, s, width)
                    slots[k, LEAST] = s
                elif old == least and slots[k, ASKED] > 1:
                    least = _lowest(slots[k, OLDER_T], slots[k, OLDER_S], old_t, old, t, s)
                    light = _passes(least / width)
                    slots[k, LEAST] = least
                weight = slots[k, LIGHT] - light
                slots[k, LIGHT] = light
                for c in range(3):
                    old_colour = slots[k, OLD_RGB + c]
                    out[rays[k], c] += weight * (old_colour + place * (slots[k, RGB + c] - old_colour))
                out[rays[k], 3] += weight * (old_t + place * (t - old_t))
            slots[k, ASKED] += 1
            slots[k, NEARBY] = 1.0 if nearby else 0.0
            slots[k, OLDER_T], slots[k, OLDER_S] = slots[k, OLD_T], slots[k, OLD_S]
            slots[k, OLD_T], slots[k, OLD_S] = t, s
            for c in range(3):
                slots[k, OLD_RGB + c] = slots[k, RGB + c]
            ended = light < rules.opaque or slots[k, ASKED] >= rules.questions
            if not ended:
                onward = t + _stride(s, slope, width, rules)
                if onward >= slots[k, END] - EDGE and t < slots[k, END] - 2 * EDGE and s <= rules.shell * width:
                    onward = slots[k, END] - EDGE  # what lies before the end of the box still counts
                t = _skip(clear, extent, origins, directions, rays[k], onward, slots[k, END])
                slots[k, T] = t
                ended = t >= slots[k, END]
            if ended:
                ray = rays[k]
                if light < rules.opaque:  # what is left belongs to the last sample
                    for c in range(3):
                        out[ray, c] += light * slots[k, RGB + c]
                    out[ray, 3] += light * slots[k, OLD_T]
                    light = 0.0
                out[ray, 4] = light
            else:
                if kept < k:
                    rays[kept] = rays[k]
                    for column in range(COLUMNS):
                        slots[kept, column] = slots[k, column]
                kept += 1
        live = kept


@compiled
def _box(origins: Any, directions: Any, ray: int, extent: float) -> Any:
    # Where a ray enters and leaves the box; it misses where the second is not above the first.
    enter, leave = 0.0, 1e30
    for axis in range(3):
        d = float(directions[ray, axis])
        inverse = 1.0 / (d if abs(d) > 1e-9 else 1e-9)
        a, b = (-extent - origins[ray, axis]) * inverse, (extent - origins[ray, axis]) * inverse
        enter, leave = max(enter, min(a, b)), min(leave, max(a, b))
    return enter, leave


@compiled
def _skip(clear: Any, extent: float, origins: Any, directions: Any, ray: int, t: float, last: float) -> float:
    # The next place on a ray where the field must be asked, or `last`.
    side = clear.shape[0]
    scale = side / (2 * extent)
    while t < last:
        i = min(max(int((origins[ray, 0] + t * directions[ray, 0] + extent) * scale), 0), side - 1)
        j = min(max(int((origins[ray, 1] + t * directions[ray, 1] + extent) * scale), 0), side - 1)
        k = min(max(int((origins[ray, 2] + t * directions[ray, 2] + extent) * scale), 0), side - 1)
        stride = clear[i, j, k]
        if not stride > 0:
            return t
        t += stride
    return last


@compiled
def _stride(s: float, slope: float, beta: float, rules: Any) -> float:
    if s > rules.shell * beta:
        return max(rules.trust * (s - rules.entry * beta), rules.graze * beta)
    return min(rules.fall * beta / max(slope, 0.05), max(rules.trust * s, rules.graze * beta))


@compiled
def _passes(a: float) -> float:
    return 1.0 / (1.0 + np.exp(-a)) if a < FLAT else 1.0


@compiled
def _soft(a: float) -> float:
    # The integral of `_passes`.
    return np.log(1.0 + np.exp(a)) if a < FLAT else a


@compiled
def _through_surface(light: float, least: float, old: float, s: float, beta: float) -> Any:
    # What passes as the distance falls from `least` to s, and the mean place of what does not between the samples.
    a, b = min(least, old) / beta, s / beta
    left = _passes(b)
    weight = light - left
    if weight < 1e-6:
        return left, 1.0
    start = (old - least) / (old - s) if old > least else 0.0
    mean = (_soft(a) - _soft(b) - (a - b) * left) / ((a - b) * weight)
    return left, start + (1.0 - start) * min(max(mean, 0.0), 1.0)


@compiled
def _lowest(t0: float, s0: float, t1: float, s1: float, t2: float, s2: float) -> float:
    # The least value between three samples of which the middle is least: their parabola's, or that of two slopes of 1.
    d1, d2 = t1 - t0, t2 - t1
    a, b = (s1 - s0) / d1, (s2 - s1) / d2
    slope, bend = (a * d2 + b * d1) / (d1 + d2), (b - a) / (d1 + d2)
    if bend <= 0:
        return s1
    bound = (s1 + s2 - d2) / 2 if slope < 0 else (s0 + s1 - d1) / 2
    return min(max(s1 - slope * slope / (4 * bend), bound), s1)


@compiled
def _through_density(light: float, old: float, s: float, length: float, beta: float) -> Any:
    # The same for a density whose distance is linear between the samples.
    left, moment, piece = light, 0.0, length / PIECES
    for n in range(PIECES):
        a, b = old + (s - old) * n / PIECES, old + (s - old) * (n + 1) / PIECES
        if abs(a - b) > 1e-3 * beta:
            depth = piece / beta * (_psi_integral(a, beta) - _psi_integral(b, beta)) / (a - b)
        else:
            tail = 0.5 * np.exp(-min(abs(a) / beta, FLAT))
            depth = piece / beta * (tail if a > 0 else 1.0 - tail)
        after = left * np.exp(-max(depth, 0.0))
        moment += (left - after) * (n + 0.5) / PIECES
        left = after
    return left, moment / max(light - left, 1e-12)


@compiled
def _psi_integral(s: float, beta: float) -> float:
    # The integral over s of the Laplace distribution function Psi(-s).
    tail = 0.5 * beta * np.exp(-min(abs(s) / beta, FLAT))
    return -tail if s > 0 else s - tail
