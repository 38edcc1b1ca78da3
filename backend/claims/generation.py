# SPDX-License-Identifier: GPL-3.0-or-later
"""What the claims about generators share: planes of many people, and small networks that learn to make them.

Planes here are what is seen of a person along the three axes (`models.plane_codec`): three planes of one body, whose
renders along the axes are the planes themselves. So an experiment needs no fits and no decoder, and takes minutes.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..diffusion.denoiser import diffuse, draw_times
from ..diffusion.parametrisation import Prediction, wanted
from ..diffusion.schedule import ScheduleConfig
from ..geometry.triplane import roll, unroll
from ..models.plane_codec import views_to_input
from ..studio.dataset import make_shards, person_sample, shard_files
from ..training.engine import EngineConfig, train
from ..training.portraits import plain_photograph
from .base import Progress, Settings

PEOPLE, UNSEEN = 128, 32
"""Of a whole run, and how many of them each seed leaves out of its training."""
TINY_PEOPLE, TINY_UNSEEN = 6, 2
SIDE, TINY_SIDE = 64, 16
"""Of the largest planes."""
PORTRAIT, TINY_PORTRAIT = 128, 32
"""Side of portraits."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Everybody's planes and portraits."""

    planes: Float[Tensor, "N K S W"]
    """Rolled-out axis views at `SIDE`, in [-1, 1]."""
    portraits: Float[Tensor, "N 4 P P"]
    """Nearly frontal, under white light, in [-1, 1] with the matte as the fourth channel."""

    def at(self, size: int) -> Float[Tensor, "N K R V"]:
        """The planes at another side."""
        return shrink(self.planes, size)

    def split(self, settings: Settings, seed: int) -> tuple[Tensor, Tensor]:
        """Numbers of the people whom a seed learns from, and of those whom it is judged by."""
        order = torch.from_numpy(np.random.default_rng([seed, 91]).permutation(len(self.planes)))
        unseen = settings.pick(UNSEEN, TINY_UNSEEN)
        return order[unseen:], order[:unseen]


@dataclass(frozen=True, slots=True)
class Standard:
    """Planes less the mean person, over their deviation: what diffusion works on."""

    mean: Float[Tensor, "K R V"]
    deviation: Float[Tensor, ""]

    @classmethod
    def of(cls, planes: Float[Tensor, "N K R V"]) -> "Standard":
        """Of those who are learned from."""
        mean = planes.mean(0)
        return cls(mean, (planes - mean).std())

    def apply(self, planes: Tensor) -> Tensor:
        """Standardised planes."""
        return (planes - self.mean) / self.deviation

    def undo(self, planes: Tensor) -> Tensor:
        """Planes in [-1, 1], cut where a network went beyond."""
        return (planes * self.deviation + self.mean).clamp(-1, 1)


@dataclass
class Denoising:
    """The stage that all arms train: the error of a prediction, given a condition or none."""

    network: nn.Module
    """Called with noisy planes, noise levels and what `condition` gives."""
    planes: Float[Tensor, "N K R V"]
    """Standardised."""
    schedule: ScheduleConfig
    prediction: Prediction
    batch: int
    condition: Callable[[Tensor, torch.Generator], tuple[Any, ...]] = field(default=lambda chosen, random: ())
    """Of some of the people."""
    extra: Callable[[Tensor, Tensor], dict[str, Tensor]] | None = None
    """More losses, of guessed and true planes; for networks that predict clean planes."""
    name: str = "arm"

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Mean squared error of one minibatch."""
        chosen = torch.randint(len(self.planes), (self.batch,), generator=random)
        x0, u = self.planes[chosen], draw_times(self.batch, random)
        noise = torch.randn(x0.shape, generator=random)
        noisy, sigma = diffuse(x0, u, noise, self.schedule)
        said = self.network(noisy, sigma, *self.condition(chosen, random))
        error = (said.float() - wanted(x0, noise, sigma, self.prediction)).square().mean()
        return {"error": error} | (self.extra(said.float(), x0) if self.extra is not None else {})

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Nothing: claims draw their own pictures."""

    def record(self) -> dict[str, Any]:
        """Nothing that the weights do not say."""
        return {}


def gather(settings: Settings, progress: Progress) -> Crowd:
    """The crowd of a run, made once: a shard of sixteen people takes half a minute."""
    folder, path = settings.cache / "shards", settings.cache / "crowd.pt"
    if not path.exists():
        seeds, sample = range(settings.pick(PEOPLE, TINY_PEOPLE)), partial(person_sample, points=False)
        for done, all_shards in make_shards(seeds, settings.pack, folder, 1, sample):
            progress("making people", done / all_shards)
        torch.save(_read(settings, folder), path)
    return Crowd(**{name: value.float() for name, value in torch.load(path, weights_only=True).items()})


def learn(settings: Settings, seed: int, stage: Any, steps: int, key: str, progress: Progress) -> nn.Module:
    """The stage's network with averaged weights after so many steps; a run that the cache holds is only read.

    `key` names the arm: equal keys, seeds and steps are the same run.
    """
    code = zlib.crc32(f"{key} {seed} {steps} {settings.size}".encode())
    out = settings.cache / "generators" / f"{code:08x}"
    config = EngineConfig(
        steps=steps, learning_rate=1e-3, warm_up=20, average=0.98, precision="no", save_every=max(steps // 5, 20),
        sheet_every=0, seed=seed,
    )  # fmt: skip
    path = train(stage, config, out, lambda clock, _: progress(f"training, {key}", clock.progress))
    stage.network.load_state_dict(torch.load(path, weights_only=True)["average"])
    network: nn.Module = stage.network.eval().requires_grad_(False)
    return network


def shrink(planes: Float[Tensor, "N K S W"], size: int) -> Float[Tensor, "N K R V"]:
    """Rolled-out planes at a smaller side, by area."""
    small = functional.adaptive_avg_pool2d(unroll(planes).flatten(0, 1), size)
    return roll(small.unflatten(0, (-1, 3)))


def pictures(planes: Float[Tensor, "B K R V"]) -> Float[Tensor, "N 3 R R"]:
    """What planes in [-1, 1] show from the six ends of their axes, over white, in [0, 1]; person by person."""
    views = unroll((planes + 1) / 2)  # [B, 3, K, R, R]
    ends = [views[:, :, 4 * end : 4 * end + 3] + 1 - views[:, :, 4 * end + 3 : 4 * end + 4] for end in (0, 1)]
    return torch.stack(ends, 2).flatten(0, 2).clamp(0, 1)


def front(planes: Float[Tensor, "K R V"]) -> Float[np.ndarray, "R R 3"]:
    """The frontal picture, top row first."""
    return pictures(planes[None])[0].permute(1, 2, 0).flip(0).numpy()


def _read(settings: Settings, folder: Path) -> dict[str, Tensor]:
    size, side = settings.pick(SIDE, TINY_SIDE), settings.pick(PORTRAIT, TINY_PORTRAIT)
    planes, portraits = [], []
    for path in shard_files(folder):
        with np.load(path, allow_pickle=False) as stored:
            names = ("axis_rgba", "axis_depth", "portrait_rgba", "portrait_normal")
            rgba, depth, portrait, normal = (torch.from_numpy(stored[name]) for name in names)
        planes.append(roll(views_to_input(rgba, depth, size)))
        albedo, facing = (some[:, 0].permute(0, 3, 1, 2).float() for some in (portrait, normal))
        photograph = plain_photograph(albedo / 255, facing / 127)
        portraits.append(functional.adaptive_avg_pool2d(photograph, side))
    count = settings.pick(PEOPLE, TINY_PEOPLE)
    return {"planes": torch.cat(planes)[:count].half(), "portraits": torch.cat(portraits)[:count].half()}
