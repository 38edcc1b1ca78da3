# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether avatars from seeds are as unlike each other as the studio's people are, and nobody whom training has seen.

A person is what is seen of them from the front and from the side without perspective, small: that is what shards hold
of the studio's people, and it is told from an avatar by a camera far away.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch.nn import functional

from ..geometry.cameras import Camera, look_at, pinhole
from ..geometry.fields import Field
from ..geometry.occupancy import occupancy
from ..geometry.rendering import render
from ..studio.dataset import shard_files

SIDE = 32
"""Of each small picture, pixels."""
FAR = 60.0
"""Distance of the camera, box units: perspective moves nothing by more than a quarter of a pixel."""
FINE = 4
"""Rays along the side of a pixel."""


@dataclass(frozen=True, slots=True)
class Variety:
    """Distances are root mean square differences of pictures in [0, 1]; the studio's are those of held-out people."""

    pairwise: float
    """Mean distance between two avatars."""
    pairwise_studio: float
    nearest: float
    """Mean distance from an avatar to the one most like it: small where sampling has collapsed."""
    nearest_studio: float
    to_training: float | None = None
    """Mean distance from an avatar to the person of the training data most like it; None where those are not given."""
    to_training_studio: float | None = None
    """The same of held-out people: avatars much closer than these are copies."""

    @property
    def ratio(self) -> float:
        """Variety of avatars over the studio's."""
        return self.pairwise / self.pairwise_studio


def features_of_field(field: Field) -> UInt8[np.ndarray, "2 S S 4"]:
    """Front and side of an avatar, colour over white and coverage, top row first."""
    grid = occupancy(field)
    fine = []
    for eye in ((0.0, 0.0, FAR), (FAR, 0.0, 0.0)):
        camera = Camera(look_at(torch.tensor(eye), torch.zeros(3)), pinhole(2 * math.atan(1 / FAR)))
        view = render(field, camera, FINE * SIDE, FINE * SIDE, grid=grid, normals=False)
        fine.append(torch.cat([view.rgb.clamp(0, 1), view.alpha[..., None]], -1).detach().cpu())
    return _small(torch.stack(fine))


def features_of_views(axis_rgba: UInt8[np.ndarray, "N 3 2 R R 4"]) -> UInt8[np.ndarray, "N 2 S S 4"]:
    """The same of people as shards hold them (see `studio.dataset.axis_views`)."""
    rgba = torch.from_numpy(np.ascontiguousarray(axis_rgba[:, (0, 2), 0])).float() / 255
    front, side = rgba.unbind(1)
    # Planes are stored as [y, x] and [z, y]; a camera at +x has -z to its right.
    views = torch.stack([front.flip(1), side.transpose(1, 2).flip(1, 2)], 1)
    colour, alpha = views[..., :3], views[..., 3:]
    return _small(torch.cat([colour + 1 - alpha, alpha], -1).flatten(0, 1)).reshape(len(rgba), 2, SIDE, SIDE, 4)


def features_of_shards(folder: Path) -> UInt8[np.ndarray, "N 2 S S 4"]:
    """Of everybody whom training has seen."""
    return np.concatenate(list(_shards(folder)))


def measure(
    avatars: UInt8[np.ndarray, "N 2 S S 4"],
    studio: UInt8[np.ndarray, "M 2 S S 4"],
    training: UInt8[np.ndarray, "K 2 S S 4"] | None = None,
) -> Variety:
    """How various avatars are beside held-out people of the studio."""
    count = min(len(avatars), len(studio))
    if count < 2:
        raise ValueError(f"variety needs at least two avatars and two people, got {len(avatars)} and {len(studio)}")
    pairwise, pairwise_studio = _among(avatars)[0], _among(studio)[0]
    nearest, nearest_studio = _among(avatars[:count])[1], _among(studio[:count])[1]  # falls with their number
    if training is None:
        return Variety(pairwise, pairwise_studio, nearest, nearest_studio)
    closest = [float(_distances(some, training).min(1).mean()) for some in (avatars, studio)]
    return Variety(pairwise, pairwise_studio, nearest, nearest_studio, *closest)


def _among(people: np.ndarray) -> tuple[float, float]:
    """Mean distance of all pairs, and mean distance to the nearest other."""
    distance = _distances(people, people)
    np.fill_diagonal(distance, np.inf)
    return float(distance[np.isfinite(distance)].mean()), float(distance.min(1).mean())


def _distances(first: np.ndarray, second: np.ndarray) -> Float[np.ndarray, "N M"]:
    a, b = (some.reshape(len(some), -1).astype(np.float32) / 255 for some in (first, second))
    return np.stack([np.sqrt(np.square(b - row).mean(1)) for row in a])


def _shards(folder: Path) -> Iterator[np.ndarray]:
    for path in shard_files(folder):
        with np.load(path, allow_pickle=False) as stored:
            yield features_of_views(stored["axis_rgba"])


def _small(pictures: torch.Tensor) -> np.ndarray:
    """[N, R, R, 4] in [0, 1] as bytes at `SIDE`."""
    small = functional.adaptive_avg_pool2d(pictures.permute(0, 3, 1, 2), SIDE).permute(0, 2, 3, 1)
    return (small.clamp(0, 1) * 255).round().byte().numpy()
