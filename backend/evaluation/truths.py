# SPDX-License-Identifier: GPL-3.0-or-later
"""What avatars of held-out studio people are compared with: pictures from all around, the surface, portraits.

Made once per person and kept in a folder, so that another evaluation costs only the avatars.
"""

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float16, UInt8

from ..geometry.cameras import Camera, orbit
from ..studio.assets import Pack
from ..studio.captions import describe
from ..studio.dataset import person_sample, portrait_angles
from ..studio.parameters import SAMPLER_VERSION, sample_parameters
from ..studio.people import Person, build_person
from ..studio.points import FLOOR, VisibleSurface
from ..studio.views import BOX, Scene, render_view
from ..training.portraits import plain_photograph

VIEWS, VIEW_SIZE, RAYS = 36, 128, 4
"""Pictures around the head, their side in pixels, and rays along the side of a pixel."""
ELEVATION = 0.05
CLOUD = 200_000
"""Points of the surface: dense, or the gaps between samples would count as distance."""
LEVEL = FLOOR + 0.03
"""The bust is judged above this: a field is closed by a cut, a person is not."""
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Truth:
    """One held-out person."""

    seed: int
    rgb: UInt8[np.ndarray, "K H W 3"]
    """Pictures over white, cut to the box that a field can hold."""
    alpha: UInt8[np.ndarray, "K H W"]
    cloud: Float16[np.ndarray, "N 3"]
    """Points of the surface that can be seen from outside, box units."""
    portraits: UInt8[np.ndarray, "P 256 256 3"]
    """Under white light before grey: nearly frontal, turned, turned farther."""
    mattes: UInt8[np.ndarray, "P 256 256"]
    angles: Float[np.ndarray, "P 2"]
    """Azimuth and elevation of the portraits, radians."""
    axis_rgba: UInt8[np.ndarray, "3 2 S S 4"]
    """What planes are made from at best, see `studio.dataset.person_sample`."""
    axis_depth: Float16[np.ndarray, "3 2 S S"]
    record: dict[str, Any] = field(repr=False)
    """Parameters and caption."""

    @property
    def caption(self) -> str:
        """The person as a sentence."""
        return str(self.record["caption"])


def cameras(count: int) -> list[Camera]:
    """Around the head, the first in front."""
    return [orbit(2 * math.pi * k / count, ELEVATION) for k in range(count)]


def prepared(seed: int, pack: Pack, folder: Path) -> Truth:
    """The truth of a person, read from the folder or made and put there."""
    path = folder / f"truth_{seed:08d}_{SAMPLER_VERSION}_{FORMAT}.npz"
    if not path.exists():
        _save(make_truth(seed, pack), path)
    return _load(path)


def make_truth(seed: int, pack: Pack) -> Truth:
    """Everything about one person, from the studio; some fifteen seconds."""
    parameters = sample_parameters(seed, pack)
    person = build_person(parameters, pack)
    scene = Scene(person.parts, limit=BOX)
    views = [render_view(scene, camera, VIEW_SIZE, samples=RAYS) for camera in cameras(VIEWS)]
    sample = person_sample(person, points=False)
    portraits, mattes = _portraits(sample)
    return Truth(
        seed=seed,
        rgb=_bytes(np.stack([view.rgb + 1 - view.alpha[..., None] for view in views])),
        alpha=_bytes(np.stack([view.alpha for view in views])),
        cloud=_cloud(person),
        portraits=portraits, mattes=mattes, angles=portrait_angles(seed).astype(np.float32),
        axis_rgba=sample["axis_rgba"], axis_depth=sample["axis_depth"],
        record={**parameters.record(), "caption": describe(parameters)},
    )  # fmt: skip


def judged(points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "M 3"]:
    """Those points of a surface that distances are measured from and to: not where a box or a floor cut it."""
    return points[(points[:, 1] > LEVEL) & (np.abs(points).max(1) < 0.99)]


def _cloud(person: Person) -> np.ndarray:
    cloud = judged(VisibleSurface(person).cloud)
    return cloud[np.random.default_rng(0).choice(len(cloud), CLOUD)].astype(np.float16)


def _portraits(sample: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    rgba = torch.from_numpy(sample["portrait_rgba"]).permute(0, 3, 1, 2).float() / 255
    normal = torch.from_numpy(sample["portrait_normal"]).permute(0, 3, 1, 2).float() / 127
    photos = plain_photograph(rgba, normal).permute(0, 2, 3, 1).numpy() / 2 + 0.5
    return _bytes(photos[..., :3]), _bytes(photos[..., 3])


def _bytes(picture: np.ndarray) -> np.ndarray:
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _save(truth: Truth, path: Path) -> None:
    arrays = {name: getattr(truth, name) for name in Truth.__slots__ if name not in ("seed", "record")}
    record = np.frombuffer(json.dumps(truth.record).encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        np.savez_compressed(file, record=record, **arrays)
    unfinished.replace(path)  # a killed run leaves no half file


def _load(path: Path) -> Truth:
    with np.load(path, allow_pickle=False) as stored:
        arrays = dict(stored)
    record = json.loads(arrays.pop("record").tobytes())
    return Truth(seed=record["seed"], record=record, **arrays)
