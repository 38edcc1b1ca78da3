# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import numpy as np
import pytest

from backend.studio.parameters import SAMPLER_VERSION
from backend.training.subjects import save_subject
from tests.backend.training.balls import ball_subject
from tests.backend.training.fitted_balls import make_run
from tests.records import record

PEOPLE = 6


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one shard of balls of different sizes and colours, arrays as `person_sample` makes them."""
    folder = tmp_path_factory.mktemp("people")
    random = np.random.default_rng(0)
    arrays: dict[str, list[np.ndarray]] = {}
    for k in range(PEOPLE):
        radius, colour = 0.35 + 0.05 * k, random.integers(60, 220, 3)
        for name, array in _ball(radius, colour, random).items():
            arrays.setdefault(name, []).append(array)
    header = json.dumps({"sampler_version": SAMPLER_VERSION, "people": [record(k) for k in range(PEOPLE)]})
    stacked = {name: np.stack(rows) for name, rows in arrays.items()}
    np.savez(folder / "people_00000000_00000006.npz", header=np.frombuffer(header.encode(), np.uint8), **stacked)
    return folder


def _ball(radius: float, colour: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
    points = random.uniform(-1, 1, (4000, 3))
    direction = random.normal(size=(2000, 3))
    surface = radius * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    line = (np.arange(32) + 0.5) / 32 * 2 - 1
    rows, columns = np.meshgrid(line, line, indexing="ij")
    height = np.sqrt(np.clip(radius**2 - rows**2 - columns**2, 0, None))
    inside = height > 0
    view = np.concatenate([inside[..., None] * colour, inside[..., None] * 255], -1).astype(np.uint8)
    # From afar and all around a ball is a disc.
    across = np.hypot(rows, columns)[..., None] < radius
    seen = np.concatenate([across * colour, across * 255], -1).astype(np.uint8)
    portrait = np.zeros((3, 64, 64, 4), np.uint8)
    portrait[:, 10:60, 15:50] = (*colour, 255)
    return {
        "points": points.astype(np.float16),
        "sdf": np.clip(np.linalg.norm(points, axis=1) - radius, -0.1, 0.1).astype(np.float16),
        "surface": surface.astype(np.float16), "colour": np.tile(colour, (2000, 1)).astype(np.uint8),
        "axis_rgba": np.tile(view, (3, 2, 1, 1, 1)),
        "axis_depth": np.stack([np.stack([height, -height])] * 3).astype(np.float16),
        "portrait_rgba": portrait,
        "portrait_normal": np.tile(np.int8([0, 0, 127]), (3, 64, 64, 1)),
        "view_rgba": np.tile(seen, (2, 1, 1, 1)), "view_angles": np.float32([[0.1, 0.0], [3.0, 0.2]]),
    }  # fmt: skip


@pytest.fixture(scope="session")
def balls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four subjects."""
    folder = tmp_path_factory.mktemp("balls")
    for index in range(4):
        save_subject(ball_subject(index), folder)
    return folder


@pytest.fixture(scope="session")
def run_of_balls(tmp_path_factory: pytest.TempPathFactory, balls: Path) -> Path:
    """What `maquette fit --method replay` leaves: a decoder and planes, 16² x 8, of each of the balls."""
    folder = tmp_path_factory.mktemp("replay")
    make_run(balls, folder)
    return folder
