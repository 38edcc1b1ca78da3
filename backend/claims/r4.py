# SPDX-License-Identifier: GPL-3.0-or-later
"""R4: an upsampler that is judged by planes alone against one that is judged by what they show, too."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..diffusion.denoiser import at_time
from ..diffusion.samplers import ddim
from ..diffusion.schedule import ScheduleConfig
from ..models.upsampler import UpsamplerConfig, ViewUpsampler
from ..training.render_loss import perceptual
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .generation import Crowd, Denoising, Standard, front, gather, learn, pictures, shrink
from .h5 import FOLD, Upsampling
from .likeness import feature_error, psnr, shipped_features
from .pictures import grid

ARMS = {"planes alone": False, "planes and pictures": True}
STEPS, TINY_STEPS = 140, 6
BATCH, TINY_BATCH = 6, 2
SAMPLING = 6
PIXEL_WEIGHT, FEATURE_WEIGHT = 1.0, 0.5
"""Of pictures beside the error of planes, as in RodinHD's code."""
CLAIM = Claim(
    id="R4",
    title="An error of planes is not enough: pictures of them must be judged, too",
    source="Rodin (arXiv 2212.06135), section 3.3; RodinHD (arXiv 2407.06938), section 3.3.",
    published="Without the loss on renders, planes that are close in L2 show blur and artefacts; no figure is given.",
    size=None,
    unit="%",
    expected="Held-out planes made four times larger, equal networks and steps: the error of features of their "
    "pictures clearly lower with the loss on pictures than without, whatever the error of planes does. The features "
    "that judge are those of a trained encoder, the features that teach have random weights.",
)


class RandomFeatures(nn.Module):
    """Maps of convolutions with random weights: what they tell apart, no training has chosen (Gatys et al. 2015 use
    trained ones; He et al. 2016, "A powerful generative model using random weights", these)."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64)) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(0)
        self.convolutions = nn.ModuleList()
        for before, width in zip((3, *widths), widths, strict=False):
            convolution = nn.Conv2d(before, width, 3, stride=2, padding=1)
            with torch.no_grad():
                convolution.weight.copy_(torch.randn(convolution.weight.shape, generator=random) / (9 * before) ** 0.5)
                nn.init.zeros_(convolution.bias) if convolution.bias is not None else None
            self.convolutions.append(convolution)
        self.requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        maps, hidden = [], pictures * 2 - 1
        for convolution in self.convolutions:
            hidden = functional.leaky_relu(convolution(hidden), 0.2)
            maps.append(hidden)
        return maps


def experiment(settings: Settings, progress: Progress) -> Outcome:
    """Two upsamplers with the steep schedule that differ in one loss."""
    crowd, judge = gather(settings, part(progress, 0, 0.1)), shipped_features()
    error: dict[str, list[float]] = {arm: [] for arm in ARMS}
    plane_error: dict[str, list[float]] = {arm: [] for arm in ARMS}
    likeness: dict[str, list[float]] = {arm: [] for arm in ARMS}
    shown: dict[str, np.ndarray] = {}
    jobs = len(ARMS) * len(settings.seeds)
    for done, (seed, arm) in enumerate((seed, arm) for seed in settings.seeds for arm in ARMS):
        inner = part(progress, 0.1 + 0.9 * done / jobs, 0.1 + 0.9 * (done + 1) / jobs)
        made, truth = _enlarged(settings, crowd, seed, arm, inner)
        error[arm].append(feature_error(judge, pictures(made), pictures(truth)))
        plane_error[arm].append(float((made - truth).square().mean()))
        likeness[arm].append(psnr(pictures(made), pictures(truth)))
        if done < len(ARMS):
            shown |= {"truth": front(truth[0]), arm: front(made[0])}
    return _outcome(error, plane_error, likeness, shown)


def _enlarged(settings: Settings, crowd: Crowd, seed: int, arm: str, progress: Progress) -> tuple[Tensor, Tensor]:
    """Held-out planes from a quarter of their side, and the true ones."""
    known, unseen = crowd.split(settings, seed)
    planes, size = crowd.planes, crowd.planes.shape[-2]
    standard = Standard.of(planes[known])
    small = shrink(standard.apply(planes), size // FOLD)
    config = UpsamplerConfig(view_size=size, fold=FOLD, width=settings.pick(32, 8), blocks=2, embedding=64)
    schedule = ScheduleConfig.rodinhd_upsampler()
    torch.manual_seed(seed)

    def low(chosen: Tensor, random: torch.Generator) -> tuple[Any, ...]:
        return (small[known[chosen]],)

    extra = _shown(standard) if ARMS[arm] else None
    stage = Denoising(Upsampling(ViewUpsampler(config)), standard.apply(planes[known]), schedule, "x0",
                      settings.pick(BATCH, TINY_BATCH), low, extra)  # fmt: skip
    network = learn(settings, seed, stage, settings.pick(STEPS, TINY_STEPS), f"R4 {arm}", progress)
    noise = torch.randn(planes[unseen].shape, generator=torch.Generator().manual_seed(seed))
    denoise = at_time(lambda x, sigma: network(x, sigma, small[unseen]), schedule)
    *_, last = ddim(denoise, noise, settings.pick(SAMPLING, 3), schedule)
    return standard.undo(last.x0), planes[unseen]


def _shown(standard: Standard) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
    """The loss on what planes show."""
    features = RandomFeatures()

    def losses(guess: Tensor, x0: Tensor) -> dict[str, Tensor]:
        own, truth = (pictures(standard.undo(planes)) for planes in (guess, x0))
        pixel = PIXEL_WEIGHT * (own - truth).abs().mean()
        return {"pixel": pixel, "features": FEATURE_WEIGHT * perceptual(features, own, truth)}

    return losses


def _outcome(
    error: dict[str, list[float]],
    plane_error: dict[str, list[float]],
    likeness: dict[str, list[float]],
    shown: dict[str, np.ndarray],
) -> Outcome:
    without, with_pictures = (error[arm] for arm in ARMS)
    gain = [100 * (a - b) / a for a, b in zip(without, with_pictures, strict=True)]
    holds = clearly_positive(subtract(without, with_pictures))
    why = (
        "Error of features: " + ", ".join(f"{arm} {plus_minus(values, 4)}" for arm, values in error.items())
        + "; error of planes: " + ", ".join(f"{arm} {plus_minus(values, 5)}" for arm, values in plane_error.items())
        + "."
    )  # fmt: skip
    if not holds:
        why += " The gain is not clear."
    ours = {"error of features, lower by %": gain}
    ours |= {f"{arm}: error of features": values for arm, values in error.items()}
    ours |= {f"{arm}: error of planes": values for arm, values in plane_error.items()}
    ours |= {f"{arm}: PSNR, dB": values for arm, values in likeness.items()}
    return Outcome(
        ours=ours, headline="error of features, lower by %", reproduced=holds, why=why,
        pictures={"One held-out person (first seed)": grid([list(shown.values())], list(shown))},
    )  # fmt: skip
