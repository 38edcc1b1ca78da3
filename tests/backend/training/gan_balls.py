# SPDX-License-Identifier: GPL-3.0-or-later
"""Coloured balls as the studio's views and as a folder in EG3D's form."""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from backend.geometry.cameras import Camera, orbit
from backend.studio.parameters import SAMPLER_VERSION
from tests.records import record

PEOPLE, VIEWS, SIDE = 4, 3, 32


def ball(camera: Camera, radius: float, side: int = SIDE) -> np.ndarray:
    """Bytes [S, S, 4]: red right of the world's middle, blue left of it, multiplied by coverage."""
    rays = camera.rays(side, side)
    along = -(rays.origins * rays.directions).sum(-1)
    miss = (rays.origins + along[:, None] * rays.directions).norm(dim=-1)
    hit = miss < radius
    point = rays.origins + (along - (radius**2 - miss.square()).clamp_min(0).sqrt())[:, None] * rays.directions
    red = (point[:, :1] > 0).float()
    rgba = torch.cat([red, torch.zeros_like(red), 1 - red, torch.ones_like(red)], 1) * hit[:, None]
    return (rgba.reshape(side, side, 4) * 255).byte().numpy()


def write_shard(folder: Path) -> Path:
    """A shard of balls, its views alone."""
    folder.mkdir(parents=True, exist_ok=True)
    angles = np.array([[[0.4 + k + v, 0.1 * v] for v in range(VIEWS)] for k in range(PEOPLE)], np.float32)
    views = np.stack([[ball(orbit(*each), 0.5 + 0.1 * k) for each in own.tolist()] for k, own in enumerate(angles)])
    header = json.dumps({"sampler_version": SAMPLER_VERSION, "people": [record(k) for k in range(PEOPLE)]})
    np.savez(folder / f"people_00000000_{PEOPLE:08d}.npz", header=np.frombuffer(header.encode(), np.uint8),
             view_rgba=views, view_angles=angles)  # fmt: skip
    return folder


def write_folder(folder: Path, coverage: bool = False, side: int = SIDE) -> Path:
    """Pictures of one ball with dataset.json; places in boxes of side 1."""
    (folder / "00000").mkdir(parents=True)
    labels = []
    for index, azimuth in enumerate((0.3, 1.0, 2.0)):
        camera = orbit(azimuth)
        rgba = ball(camera, 0.6, side).astype(np.float32) / 255
        over = rgba[..., :3] + 1 - rgba[..., 3:]
        picture = np.concatenate([rgba[..., :3], rgba[..., 3:]], -1) if coverage else over
        name = f"00000/img{index:08d}.png"
        Image.fromarray((picture * 255).round().astype(np.uint8)).save(folder / name)
        pose = camera.cam_to_world.clone()
        pose[:3, 3] /= 2
        labels.append([name, [*pose.reshape(-1).tolist(), *camera.intrinsics.reshape(-1).tolist()]])
    (folder / "dataset.json").write_text(json.dumps({"labels": labels}))
    return folder
