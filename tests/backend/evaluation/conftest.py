# SPDX-License-Identifier: GPL-3.0-or-later
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from backend.evaluation.truths import Truth, cameras
from backend.geometry.rendering import render
from tests.analytic import SphereField


@pytest.fixture(scope="session")
def pack_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature asset folder."""
    place = Path(__file__).parents[1] / "studio/miniature.py"
    spec = importlib.util.spec_from_file_location("miniature", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="session")
def ball() -> Truth:
    """A ball of radius 0.6 as a person: 8 pictures at 32²."""
    field, size = SphereField(0.6), 32
    views = [render(field, camera, 4 * size, 4 * size) for camera in cameras(8)]
    fine = np.stack([np.concatenate([view.rgb, view.alpha[..., None]], -1) for view in views])
    coarse = (fine.reshape(8, size, 4, size, 4, 4).mean((2, 4)) * 255).round().clip(0, 255).astype(np.uint8)
    direction = np.random.default_rng(0).normal(size=(20_000, 3))
    return Truth(
        seed=1_000_000, rgb=coarse[..., :3], alpha=coarse[..., 3],
        cloud=(0.6 * direction / np.linalg.norm(direction, axis=1, keepdims=True)).astype(np.float16),
        portraits=np.full((3, 256, 256, 3), 90, np.uint8), mattes=np.full((3, 256, 256), 255, np.uint8),
        angles=np.array([[0.1, -0.02], [0.3, 0], [0.6, 0]], np.float32),
        axis_rgba=np.zeros((3, 2, 8, 8, 4), np.uint8), axis_depth=np.zeros((3, 2, 8, 8), np.float16),
        record={"seed": 1_000_000, "caption": "a ball"},
    )  # fmt: skip
