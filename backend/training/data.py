# SPDX-License-Identifier: GPL-3.0-or-later
"""Shards of people as tensors in memory, with minibatches drawn at random."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..studio.dataset import DatasetError, shard_files
from ..studio.parameters import SAMPLER_VERSION


class People:
    """The arrays of `studio.dataset.person_sample` for all people of a folder; a person is about 2 MB."""

    def __init__(self, folder: Path, names: Sequence[str], training: bool = True) -> None:
        self._folder, self._names, self._training = folder, tuple(names), training
        self._seen: set[Path] = set()
        self._shards: list[dict[str, np.ndarray]] = []
        self._where: list[tuple[int, int]] = []
        self.records: list[dict] = []
        self.refresh()

    def __len__(self) -> int:
        return len(self._where)

    def refresh(self) -> None:
        """Read shards that have appeared since: the studio may still be at work."""
        for path in shard_files(self._folder, self._training):
            if path in self._seen:
                continue
            self._seen.add(path)
            with np.load(path, allow_pickle=False) as stored:
                header = json.loads(stored["header"].tobytes())
                if header["sampler_version"] != SAMPLER_VERSION:
                    raise DatasetError(
                        f"{path} was made by sampler {header['sampler_version']}, this is {SAMPLER_VERSION}",
                        "Delete the shards and make them again.",
                    )
                self._shards.append({name: stored[name] for name in self._names})
            self._where += [(len(self._shards) - 1, row) for row in range(len(header["people"]))]
            self.records += header["people"]

    def take(self, name: str, people: Sequence[int] | Tensor) -> Tensor:
        """One array of some people, stacked [B, ...]."""
        rows = [self._where[int(person)] for person in people]
        return torch.from_numpy(np.stack([self._shards[shard][name][row] for shard, row in rows]))

    def draw_points(self, names: tuple[str, str], people: Tensor, count: int, random: torch.Generator) -> list[Tensor]:
        """Matching random rows of two arrays, [B, count, ...] each."""
        drawn: list[list[np.ndarray]] = [[], []]
        for person in people:
            shard, row = self._where[int(person)]
            arrays = [self._shards[shard][name][row] for name in names]
            chosen = torch.randint(len(arrays[0]), (count,), generator=random).numpy()
            for kept, array in zip(drawn, arrays, strict=True):
                kept.append(array[chosen])
        return [torch.from_numpy(np.stack(rows)) for rows in drawn]
