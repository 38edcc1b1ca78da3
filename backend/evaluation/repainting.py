# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a prior repaints views of people that it has never seen: worn pictures before and after, and the truth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch.nn import functional

from ..models.look_denoiser import towards
from ..refinement.prior import View, ViewPrior, Wish
from ..studio.looks import over_white
from ..studio.shading import DISTANCE, Seen
from ..training.look_set import LookSet
from ..training.render_loss import Features, perceptual
from ..training.view_wear import HeadViews, wear
from .metrics import psnr


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
    prior: ViewPrior, people: LookSet, views: Sequence[tuple[int, int]], strength: float, features: Features,
    side: int = 256,
) -> list[Repainted]:  # fmt: skip
    """Each of some large views (person, number), worn as badly as `strength` allows, repainted at that strength."""
    results = []
    for number, (person, view) in enumerate(views):
        truth, azimuth, _ = people.whole(person, view, side, "head")
        seen = worn_view(truth, azimuth, strength, torch.Generator().manual_seed(number))
        painting = prior.paint(seen, Wish(strength=strength, seed=number))
        while True:
            try:
                next(painting)
            except StopIteration as done:
                painted = done.value
                break
        right = _bytes(over_white(truth.colour, truth)[None])
        before, after = (scores(each, right, seen.shown, features) for each in (seen.image, painted))
        results.append(Repainted(seen.image, painted, right, before, after))
    return results


def worn_view(truth: Seen, azimuth: float, doubt: float, random: torch.Generator) -> View:
    """A true view as a refinement would meet it: all of the head is there, none of it sharp."""
    frame = to_camera(truth.normal, azimuth, 0.0)
    whole = HeadViews(over_white(truth.colour, truth)[None], truth.coverage[None], frame[None], truth.depth[None, None])
    seen = wear(whole, random, torch.full((1,), doubt), holes=False, sharp=0.0)
    shown = seen.shown[0, 0].numpy() > 0.5
    nothing = np.zeros(shown.shape, np.float32)
    return View(
        image=_bytes(seen.picture / 2 + 0.5), shown=shown, normal=seen.normal[0].permute(1, 2, 0).numpy().copy(),
        depth=np.where(shown, truth.depth.numpy() + DISTANCE, np.inf).astype(np.float32), generate=nothing,
        keep=nothing, azimuth=azimuth, elevation=0.0,
    )  # fmt: skip


def to_camera(normal: Float[torch.Tensor, "3 H W"], azimuth: float, elevation: float) -> Float[torch.Tensor, "3 H W"]:
    """World normals in the frame of a camera: x right, y up, z towards it."""
    back = towards(azimuth, elevation)
    right = torch.tensor([math.cos(azimuth), 0.0, -math.sin(azimuth)])
    frame = torch.stack([right, torch.linalg.cross(back, right), back])
    return torch.einsum("ij,jhw->ihw", frame, normal)


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
