# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a picture can lie on the texture coordinates that somebody's mesh has."""

import numpy as np

from .mesh import Mesh
from .overlap import covered_twice

SAMPLES = 400_000
MOST_SHARED = 0.02
"""Share of the layout that may lie on other parts of it: the tongue and the inside of the mouth often do."""
MOST_OUTSIDE = 0.002
"""Share of the surface whose coordinates may pass the unit square."""
MOST_BARE = 0.02
"""Share of the surface that may have no area in the layout."""
MARGIN = 1e-3
LEAST = 1e-3
"""Share of the square that a layout covers at least."""


def why_not(mesh: Mesh) -> str:
    """What keeps the layout from holding one picture of the whole surface, as the end of "its texture coordinates";
    empty if nothing does."""
    if mesh.uv is None:
        return "are missing"
    corners = mesh.uv[mesh.faces].astype(np.float64)
    area = mesh.areas().astype(np.float64)
    total = max(float(area.sum()), 1e-300)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    flat = 0.5 * np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    if flat.sum() < LEAST:
        return "cover almost nothing of the picture"
    outside = ((corners < -MARGIN) | (corners > 1 + MARGIN)).any((1, 2))
    if area[outside].sum() > MOST_OUTSIDE * total:
        return "lie in several tiles or pass the picture's border"
    if area[flat < 1e-6 * flat.sum() / len(flat)].sum() > MOST_BARE * total:
        return "give parts of the surface no room"
    shared = covered_twice(
        mesh, mesh.uv[:, 0].astype(np.float64) + 1j * mesh.uv[:, 1], np.zeros(len(mesh.faces), np.int64), SAMPLES
    )
    if (part := float(flat[shared].sum() / flat.sum())) > MOST_SHARED:
        return f"are shared by several parts of the surface ({part:.0%} of the layout)"
    return ""
