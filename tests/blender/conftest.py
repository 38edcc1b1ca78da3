# SPDX-License-Identifier: GPL-3.0-or-later
"""An empty Blender scene per test, and small payloads."""

from collections.abc import Iterator

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="bpy is an extra: pip install maquette[blender]")


@pytest.fixture
def empty() -> Iterator[None]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield
    bpy.ops.wm.read_factory_settings(use_empty=True)


@pytest.fixture
def addon(empty: None) -> Iterator[None]:
    """The add-on, registered as a script does it."""
    import blender_addon

    blender_addon.register()
    yield
    blender_addon.unregister()


@pytest.fixture
def quad() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two triangles whose diagonal is a texture seam: vertices, faces, uv; facing +Z, the box's front."""
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=np.float32)
    faces = np.array([[0, 1, 2], [3, 4, 5]], dtype=np.int32)
    uv = np.array([[0, 0], [0.4, 0], [0.4, 0.4], [0.5, 0.5], [1, 1], [0.5, 1]], dtype=np.float32)
    return vertices, faces, uv


@pytest.fixture
def albedo() -> np.ndarray:
    return np.random.default_rng(6).integers(0, 256, (8, 8, 3), dtype=np.uint8)
