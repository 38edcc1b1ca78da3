# SPDX-License-Identifier: GPL-3.0-or-later
"""Everybody's studio portraits in memory, small, lit and worn anew at each visit."""

import json
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..studio.dataset import portrait_angles, shard_files
from .portraits import photograph, plain_photograph


class PortraitSet:
    """Albedo and normals of all portraits of a folder of shards; indices beyond the people's count are mirrored."""

    def __init__(self, folder: Path, size: int, training: bool = True) -> None:
        rgba, normal, angles = [], [], []
        self.records: list[dict] = []
        """Parameters and caption of each person."""
        for path in shard_files(folder, training):
            with np.load(path, allow_pickle=False) as stored:
                rgba.append(_shrink(stored["portrait_rgba"], size))
                normal.append(_shrink(stored["portrait_normal"], size))
                people = json.loads(stored["header"].tobytes())["people"]
            self.records += people
            angles += [portrait_angles(person["seed"]) for person in people]
        self.rgba, self.normal = torch.cat(rgba), torch.cat(normal)
        self.angles = torch.tensor(np.array(angles), dtype=torch.float32)
        """[N, P, 2]: azimuth and elevation of each portrait."""

    def __len__(self) -> int:
        return len(self.rgba)

    def draw(
        self, chosen: Tensor, random: torch.Generator, which: Tensor | None = None, plain: float = 0.0
    ) -> tuple[Float[Tensor, "B 4 H W"], Float[Tensor, "B 2"]]:
        """A fresh photograph of each chosen person, in [-1, 1] with its matte, and the angles it was taken from;
        `which` of the portraits, otherwise any. A share `plain` of the photographs is lit white and not worn."""
        mirrored, rows = chosen >= len(self), chosen % len(self)
        if which is None:
            which = torch.randint(self.rgba.shape[1], (len(chosen),), generator=random)
        rgba, normal, angles = self.pick(rows, which)
        flip = mirrored[:, None, None, None]
        rgba = torch.where(flip, rgba.flip(3), rgba)
        normal = torch.where(flip, normal.flip(3) * torch.tensor([-1.0, 1, 1])[:, None, None], normal)
        angles = torch.where(mirrored[:, None], angles * torch.tensor([-1.0, 1]), angles)
        worn = torch.rand(len(chosen), generator=random) >= plain
        pictures = plain_photograph(rgba, normal)
        if bool(worn.any()):
            pictures[worn] = photograph(rgba[worn], normal[worn], random)
        return pictures, angles

    def pick(self, rows: Tensor, which: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Albedo times coverage with coverage [B, 4, H, W] in [0, 1], normals [B, 3, H, W] and angles [B, 2]."""
        rgba, normal = self.rgba[rows, which].float() / 255, self.normal[rows, which].float() / 127
        return rgba, normal, self.angles[rows, which]


def _shrink(pictures: np.ndarray, size: int) -> Tensor:
    """[N, P, H, W, K] to [N, P, K, size, size], same type."""
    stack = torch.from_numpy(pictures)
    count, each = stack.shape[:2]
    moved = stack.flatten(0, 1).permute(0, 3, 1, 2).float()
    small = functional.adaptive_avg_pool2d(moved, size).round().to(stack.dtype)
    return small.unflatten(0, (count, each))
