# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a prior repaints views of people that it has never seen: worn pictures before and after, and the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch.nn import functional

from ..refinement.prior import View, ViewPrior, Wish
from ..training.render_loss import Features, perceptual
from ..training.surround_set import HeadViews, SurroundSet
from ..training.view_wear import wear
from .metrics import psnr

DISTANCE = 4.4
"""From the camera to the middle of the head, box units, as the studio has it."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one picture against the truth, over the head alone."""

    psnr: float
    """dB."""
    detail: float
    """Energy of what is finer than four pixels over that of the truth: 1 is as sharp as it should be."""
    error: float
    """Mean distance of the fine structure's energy in small windows, as a share of the truth's: 0 is right everywhere,
    1 is what a picture without any has."""
    features: float
    """Distance of a network's features (Zhang et al. 2018)."""


@dataclass(frozen=True, slots=True)
class Repainted:
    """One view before and after, with the truth."""

    worn: UInt8[np.ndarray, "S S 3"]
    painted: UInt8[np.ndarray, "S S 3"]
    truth: UInt8[np.ndarray, "S S 3"]
    before: Scores
    after: Scores


def repaint(
    prior: ViewPrior, people: SurroundSet, views: Sequence[tuple[int, int]], strength: float, features: Features
) -> list[Repainted]:
    """Each of some views (person, number), worn as badly as `strength` allows, repainted at that strength."""
    results = []
    for number, (person, view) in enumerate(views):
        truth = people.whole(person, view)
        seen = worn_view(truth, strength, torch.Generator().manual_seed(number))
        painting = prior.paint(seen, Wish(strength=strength, seed=number))
        while True:
            try:
                next(painting)
            except StopIteration as done:
                painted = done.value
                break
        right = _bytes(truth.picture)
        before, after = (scores(each, right, seen.shown, features) for each in (seen.image, painted))
        results.append(Repainted(seen.image, painted, right, before, after))
    return results


def worn_view(truth: HeadViews, doubt: float, random: torch.Generator) -> View:
    """A true view as a refinement would meet it: all of the head is there, none of it sharp."""
    seen = wear(truth, random, torch.full((1,), doubt), holes=False, sharp=0.0)
    shown = seen.guide[0, 4].numpy() > 0.5
    nothing = np.zeros(shown.shape, np.float32)
    azimuth, elevation = truth.angles[0].tolist()
    return View(
        image=_bytes(seen.picture / 2 + 0.5), shown=shown, normal=seen.guide[0, :3].permute(1, 2, 0).numpy().copy(),
        depth=np.where(shown, truth.depth[0, 0].numpy() + DISTANCE, np.inf).astype(np.float32), generate=nothing,
        keep=nothing, azimuth=azimuth, elevation=elevation,
    )  # fmt: skip


def scores(
    picture: UInt8[np.ndarray, "S S 3"],
    truth: UInt8[np.ndarray, "S S 3"],
    shown: Bool[np.ndarray, "S S"],
    features: Features,
) -> Scores:
    """Of a picture."""
    one, other = (each.astype(np.float32) / 255 for each in (picture, truth))
    made, true = (_fine(each, shown) for each in (one, other))
    inside = functional.avg_pool2d(torch.from_numpy(shown)[None, None].float(), 8)[0, 0].numpy() > 0.9
    error = np.abs(np.sqrt(made) - np.sqrt(true))[inside].sum() / np.sqrt(true)[inside].sum()
    with torch.inference_mode():
        far = perceptual(features, _tensor(one), _tensor(other))
    return Scores(
        psnr(one[shown], other[shown]), float(made[inside].sum() / true[inside].sum()), float(error), float(far)
    )


def mean(every: Sequence[Scores]) -> Scores:
    """Of several."""
    return Scores(*(float(np.mean([getattr(one, name) for one in every]))
                    for name in ("psnr", "detail", "error", "features")))  # fmt: skip


def _fine(picture: Float[np.ndarray, "S S 3"], shown: Bool[np.ndarray, "S S"]) -> Float[np.ndarray, "s s"]:
    """Mean square of what a blur of four pixels takes away, in windows of eight; the outline is left out."""
    image = _tensor(picture)
    mask = torch.from_numpy(shown)[None, None].float()
    core = -functional.max_pool2d(-mask, 9, 1, 4)
    blurred = image
    for _ in range(2):
        blurred = functional.avg_pool2d(blurred, 3, 1, 1, count_include_pad=False)
    energy = ((image - blurred) * core).square().sum(1, keepdim=True)
    return functional.avg_pool2d(energy, 8)[0, 0].numpy()


def _tensor(picture: Float[np.ndarray, "S S 3"]) -> Float[torch.Tensor, "1 3 S S"]:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].contiguous()


def _bytes(picture: torch.Tensor) -> UInt8[np.ndarray, "S S 3"]:
    return (picture[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
