# SPDX-License-Identifier: GPL-3.0-or-later
"""RodinHD's two stages over a folder of subjects: the decoder here, then everyone alone on any workers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..models.field_encoder import FieldEncoder
from ..training.recipes import Recipe
from ..training.replay import Visited, load_shared, replay, stored_planes
from ..training.starts import adapted_planes, encoded_planes
from ..training.subjects import SubjectData, Subjects
from .fit import Progress, Workers, fit_people

FITTED = "fitted"
"""Folder of stage 2 within that of the run."""


@dataclass(frozen=True, slots=True)
class StartOf:
    """First planes of stage 2: of a person that stage 1 visited its own, else the encoder's, else the mean."""

    out: Path
    mean: Float[Tensor, "3 C R R"]
    known: frozenset[str]
    """People with planes of their own."""
    model: FieldEncoder | None = None

    def __call__(self, data: SubjectData) -> Float[Tensor, "3 C R R"]:
        if data.name in self.known:
            return stored_planes(self.out, data.name)[0]
        _, channels, resolution, _ = self.mean.shape
        model = self.model
        if model is not None and data.points is not None and channels >= model.codec.config.plane_channels:
            return adapted_planes(encoded_planes(model, data.points), channels, resolution)
        return self.mean


def fit_by_replay(
    subjects: Subjects,
    out: Path,
    recipe: Recipe,
    *,
    model: FieldEncoder | None = None,
    workers: Workers | None = None,
    seed: int = 0,
    minutes: float | None = None,
    device: torch.device | None = None,
    visited: Callable[[Visited], None] = lambda _: None,
    fitted: Callable[[Progress], None] = lambda _: None,
) -> Path:
    """Stage 1 into `out`, stage 2 into `out/fitted`; returns the index. Both go on where a killed run was.

    `minutes` bounds stage 1 in this call; stage 2 then uses the decoder as far as it came.
    """
    replay(subjects, out, recipe.replay, seed=seed, device=device, model=model, minutes=minutes, report=visited)
    shared = load_shared(out)
    start = StartOf(out, shared.mean, frozenset(shared.people), None if recipe.replay.start == "mean" else model)
    return fit_people(subjects, shared.decoder, start, out / FITTED, recipe.alone, workers=workers, report=fitted)
