# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits of the fitting claims: task replay with a configuration, kept in the run's cache, and what its planes show."""

import zlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..geometry.fields import TriplaneField
from ..geometry.triplane import Triplane
from ..models.decoder import FieldDecoder
from ..training.objective import ObjectiveConfig
from ..training.quality import mean_psnr, smooth_picture
from ..training.replay import ReplayConfig, load_shared, replay, stored_planes
from ..training.replay_state import PeopleStates
from ..training.subjects import Subjects
from ..training.views import ViewSet
from .base import Progress, Settings


@dataclass(frozen=True, slots=True)
class Fit:
    """A finished run of task replay."""

    subjects: Subjects
    folder: Path

    def decoder(self) -> FieldDecoder:
        """The final decoder."""
        return load_shared(self.folder).decoder

    def decoder_then(self, name: str) -> FieldDecoder:
        """The decoder as it was at the end of a person's last visit."""
        config = load_shared(self.folder).config
        decoder = FieldDecoder(config.decoder())
        decoder.load_state_dict(PeopleStates(self.folder / "people").load(name, config.visits).decoder)
        return decoder.eval().requires_grad_(False)

    def mean(self) -> Float[Tensor, "3 C R R"]:
        """Mean of everyone's planes."""
        return load_shared(self.folder).mean

    def mean_then(self) -> float:
        """Everyone's PSNR right after the last visit, mean, dB.

        Raises ValueError if the configuration does not measure it.
        """
        values = [stored_planes(self.folder, name)[1] for name in self.subjects.names]
        if any(value is None for value in values):
            raise ValueError("a fit with judge_every = 0 measures nothing")
        return float(np.mean([value for value in values if value is not None]))

    def planes(self, name: str) -> Float[Tensor, "3 C R R"]:
        """A person's planes as the last visit left them."""
        return stored_planes(self.folder, name)[0]


def points_objective(settings: Settings) -> ObjectiveConfig:
    """Supervision by points of the surface alone: from a fresh start it reaches more in the same time than pictures do,
    and every step costs the same whatever the field looks like."""
    return ObjectiveConfig(
        supervision="points", points=settings.pick(1500, 256), surface_points=settings.pick(700, 128),
        sdf_weight=20.0, colour_weight=10.0, variation_weight=0.02,
    )  # fmt: skip


def run_fit(settings: Settings, config: ReplayConfig, seed: int, people: Subjects, progress: Progress) -> Fit:
    """Fit people from a fresh start; a run that the cache holds goes on, or is only read if it is finished."""
    key = zlib.crc32(repr([sorted(asdict(config).items()), people.names, seed]).encode())
    folder = settings.cache / "fits" / f"{key:08x}"
    replay(people, folder, config, seed=seed, report=lambda v: progress("fitting", v.done / v.wanted))
    return Fit(people, folder)


def show_psnr(planes: Float[Tensor, "3 C R R"], decoder: FieldDecoder, views: ViewSet, every: int = 1) -> float:
    """Mean PSNR of held-out views, dB."""
    return mean_psnr(TriplaneField(Triplane(planes[None]), decoder), views, every)


@torch.inference_mode()
def picture(planes: Float[Tensor, "3 C R R"], decoder: FieldDecoder, views: ViewSet, index: int = 0) -> np.ndarray:
    """What one camera sees, in [0, 1]."""
    return smooth_picture(TriplaneField(Triplane(planes[None]), decoder), views, index).numpy()


def held_out(people: Subjects, name: str) -> ViewSet:
    """The pictures that judge a person of the studio."""
    views = people.load(name).held_out
    if views is None:
        raise ValueError(f"{name} has no held-out views")
    return views
