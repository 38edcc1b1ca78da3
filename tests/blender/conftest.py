# SPDX-License-Identifier: GPL-3.0-or-later
"""An empty Blender scene per test, and small payloads."""

from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The store of a backend that runs as long as the tests of a file, with the file's RUNNER where it names one."""
    from blender_addon import launcher
    from tests.blender.backend import COMMAND, ROOT
    from tests.integration.tiny_runner import put_style

    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAQUETTE_MODELS", str(folder / "models"))  # the user's own stay out of it
        put_style("own", None)
        command = [*COMMAND[:-1], getattr(request.module, "RUNNER", COMMAND[-1])]
        running = launcher.start(command, folder, device="cpu", folder=ROOT)
        running.wait(60)
        yield folder
        running.stop()


@pytest.fixture
def connected(store: Path, addon: None, monkeypatch: pytest.MonkeyPatch):
    """The session, connected to that backend."""
    from blender_addon import session

    monkeypatch.setenv("MAQUETTE_STATE", str(store))
    assert bpy.ops.maquette.connect() == {"FINISHED"}
    return session.current()
