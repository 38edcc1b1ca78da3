# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a new avatar stands among those already there. Pure numpy."""

import numpy as np

SPACING = 0.45
"""Metres between neighbours: a bust is 0.4 m wide at most."""


def free_place(wanted: np.ndarray, taken: np.ndarray, spacing: float = SPACING) -> np.ndarray:
    """The nearest free place `[3]` to `wanted [3]`, in steps along X, away from all of `taken [N, 3]`.

    Steps go right, left, right again, ever farther, so a row of avatars grows around the first.
    """
    for step in range(2 * len(taken) + 2):
        side = (step + 1) // 2 * (1 if step % 2 else -1)
        place = wanted + np.array([side * spacing, 0.0, 0.0])
        # Nine tenths: neighbours that stand exactly one spacing apart do not disturb each other.
        if not len(taken) or np.linalg.norm(taken - place, axis=1).min() >= spacing * 0.9:
            return place
    raise AssertionError("each avatar can block two places at most")
