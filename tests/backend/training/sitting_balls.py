# SPDX-License-Identifier: GPL-3.0-or-later
"""A shard of balls with hair and eyes, arrays as `studio.sittings` makes them."""

import json
import math
from pathlib import Path

import numpy as np

from backend.studio.parameters import SAMPLER_VERSION
from backend.studio.shading import DISTANCE
from backend.studio.sittings import BUST_HEIGHT, BUST_OPENING, sitting_camera
from tests.records import record

PEOPLE, BUSTS, HEADS = 3, 3, 2
BUST_SIDE, HEAD_SIDE = 64, 64


def write(folder: Path, first: int = 0) -> Path:
    """Write the shard into a folder and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    people = [_person(k) for k in range(PEOPLE)]
    stacked = {name: np.stack([each[name] for each in people]) for name in people[0]}
    header = json.dumps({"sampler_version": SAMPLER_VERSION, "people": [record(k) for k in range(PEOPLE)]})
    path = folder / f"people_{first:08d}_{first + PEOPLE:08d}.npz"
    np.savez(path, header=np.frombuffer(header.encode(), np.uint8), **stacked)
    return folder


def _person(number: int) -> dict[str, np.ndarray]:
    arrays = {}
    for kind, count, side in (("bust", BUSTS, BUST_SIDE), ("head", HEADS, HEAD_SIDE)):
        cameras = [(1.3 * k, 0.1, BUST_OPENING, BUST_HEIGHT) for k in range(count)]
        views = [_ball(0.55 + 0.1 * number, camera, side) for camera in cameras]
        arrays |= {f"{kind}_{name}": np.stack([view[name] for view in views]) for name in views[0]}
        arrays[f"{kind}_camera"] = np.array(cameras, np.float32)
    return arrays


def _ball(radius: float, camera: tuple[float, float, float, float], side: int) -> dict[str, np.ndarray]:
    eye = sitting_camera(*camera)
    rays = eye.rays(side, side)
    origins, directions = rays.origins.numpy(), rays.directions.numpy()
    along = (origins * directions).sum(1)
    root = along**2 - (origins**2).sum(1) + radius**2
    hit = root > 0
    distance = np.where(hit, -along - np.sqrt(np.clip(root, 0, None)), 0)
    place = origins + distance[:, None] * directions
    normal = np.where(hit[:, None], place / radius, 0)
    part = np.where(hit, np.where(place[:, 1] > 0.3, 7, 1), 0).astype(np.uint8)
    part[hit & (place[:, 1] < -0.3)] = 8
    colour = np.array([[255, 255, 255], [220, 175, 150], *[[0, 0, 0]] * 5, [90, 55, 30], [40, 60, 160]])[part]
    rgba = np.concatenate([colour * hit[:, None], 255 * hit[:, None]], 1).astype(np.uint8)
    depth = np.where(hit, distance * (directions @ eye.cam_to_world[:3, 2].numpy()) - DISTANCE, 0)
    assert math.isfinite(float(depth.sum()))
    return {
        "rgba": rgba.reshape(side, side, 4), "normal": (normal * 127).round().astype(np.int8).reshape(side, side, 3),
        "depth": depth.astype(np.float16).reshape(side, side), "part": part.reshape(side, side),
    }  # fmt: skip
