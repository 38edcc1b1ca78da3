# SPDX-License-Identifier: GPL-3.0-or-later
"""A shard of striped balls, arrays as `studio.surround` makes them."""

import json
from pathlib import Path

import numpy as np

from backend.studio.parameters import SAMPLER_VERSION
from tests.records import record

PEOPLE, VIEWS, SIDE = 3, 2, 64
FIRST_ANGLE = 0.3


def write(folder: Path) -> Path:
    """Write the shard into a folder and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    people = [_ball(0.6 + 0.1 * k, k) for k in range(PEOPLE)]
    stacked = {name: np.stack([each[name] for each in people]) for name in people[0]}
    header = json.dumps({"sampler_version": SAMPLER_VERSION, "people": [record(k) for k in range(PEOPLE)]})
    path = folder / f"people_00000000_{PEOPLE:08d}.npz"
    np.savez(path, header=np.frombuffer(header.encode(), np.uint8), **stacked)
    return folder


def _ball(radius: float, number: int) -> dict[str, np.ndarray]:
    line = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    y, x = np.meshgrid(-line, line, indexing="ij")
    z = np.sqrt(np.clip(radius**2 - x**2 - y**2, 0, None))
    inside = z > 0
    normal = np.stack([x, y, z], -1) / radius * inside[..., None]
    colour = np.stack([0.5 + 0.4 * np.sin(9 * x), 0.5 + 0.4 * y, np.full_like(x, 0.2 + 0.2 * number)], -1)
    rgba = np.concatenate([colour, np.ones((SIDE, SIDE, 1))], -1) * inside[..., None]
    rgba = (rgba * 255).round().astype(np.uint8)
    portrait = np.zeros((3, 64, 64, 4), np.uint8)
    portrait[:, 10:60, 15:50] = (60 + 60 * number, 120, 90, 255)
    return {
        "surround_rgba": np.tile(rgba, (VIEWS, 1, 1, 1)),
        "surround_normal": np.tile((normal * 127).round().astype(np.int8), (VIEWS, 1, 1, 1)),
        "surround_depth": np.tile((-z * inside).astype(np.float16), (VIEWS, 1, 1)),
        "surround_angles": np.float32([[FIRST_ANGLE, 0.1], [3.0, 0.2]]),
        "portrait_rgba": portrait,
        "portrait_normal": np.tile(np.int8([0, 0, 127]), (3, 64, 64, 1)),
    }
