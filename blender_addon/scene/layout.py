# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a new avatar stands among what is there already. Pure numpy."""

import numpy as np

STEP = 0.45
"""Metres between the places that are tried: a bust is 0.4 m wide at most."""
FOOTPRINT = np.array([[-0.2, -0.2, 0.0], [0.2, 0.2, 0.4]])
"""The room an avatar needs around its place: lowest and highest corner, metres."""
SURROUNDINGS = 4.0
"""What is larger than this, in metres, is a room or a landscape, which avatars stand in and not beside."""
TOUCH = 0.01


def free_place(wanted: np.ndarray, boxes: np.ndarray, step: float = STEP) -> np.ndarray:
    """The nearest place `[3]` to `wanted [3]`, in steps along X, where an avatar cuts none of the boxes `[N, 2, 3]`.

    A box is the lowest and the highest corner of an object, in the scene's axes. Steps go right, left, right again,
    ever farther, so a row of avatars grows around the first.
    """
    obstacles = boxes[(boxes[:, 1] - boxes[:, 0]).max(axis=1) <= SURROUNDINGS]
    # No obstacle blocks more places than fit into its own width and an avatar's.
    tries = 2 * int(np.ceil(((obstacles[:, 1, 0] - obstacles[:, 0, 0] + 0.4) / step + 1).sum())) + 1
    for count in range(tries):
        side = (count + 1) // 2 * (1 if count % 2 else -1)
        place = wanted + np.array([side * step, 0.0, 0.0])
        low, high = place + FOOTPRINT
        inside = (obstacles[:, 0] < high - TOUCH).all(axis=1) & (obstacles[:, 1] > low + TOUCH).all(axis=1)
        if not inside.any():
            return place
    raise AssertionError("an obstacle blocked more places than it is wide")
