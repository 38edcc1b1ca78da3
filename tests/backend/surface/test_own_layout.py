# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import numpy as np
import pytest

from backend.surface.mesh import Mesh
from backend.surface.own_layout import why_not


@pytest.fixture
def grid() -> Mesh:
    """Sixteen quads over the whole square, each of its own vertices."""
    quads = [[[c, r], [c + 1, r], [c + 1, r + 1], [c, r + 1]] for r in range(4) for c in range(4)]
    flat = np.array(quads, np.float32).reshape(-1, 2) / 4
    faces = [[4 * q, 4 * q + k, 4 * q + k + 1] for q in range(16) for k in (1, 2)]
    return Mesh(np.column_stack([flat, np.zeros(64, np.float32)]), np.array(faces, np.int32), flat)


def moved(mesh: Mesh, rows: slice, by: tuple[float, float]) -> Mesh:
    assert mesh.uv is not None
    uv = mesh.uv.copy()
    uv[rows] += np.array(by, np.float32)
    return replace(mesh, uv=uv)


def test_a_plain_layout_is_taken(grid: Mesh) -> None:
    assert why_not(grid) == ""


def test_what_cannot_hold_one_picture_is_told(grid: Mesh) -> None:
    assert "missing" in why_not(replace(grid, uv=None))
    assert "tiles" in why_not(moved(grid, slice(0, 4), (1, 0)))
    assert "shared by several parts of the surface (6%" in why_not(moved(grid, slice(0, 4), (0.25, 0)))
    assert "almost nothing" in why_not(replace(grid, uv=np.full_like(grid.uv, 0.5)))
    bare = grid.uv.copy()
    bare[:8] = 0.5
    assert "no room" in why_not(replace(grid, uv=bare))
