# SPDX-License-Identifier: GPL-3.0-or-later
"""H6: a portrait's features at several scales against one scale and against one vector."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..diffusion.denoiser import at_time
from ..diffusion.parametrisation import as_network
from ..diffusion.samplers import ddim
from ..diffusion.schedule import ScheduleConfig
from ..models.portrait_encoder import FOLD, PortraitEncoder
from ..models.unet import PlaneCondition, PlaneUNet, PlaneUNetConfig
from ..weights import store
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .generation import Crowd, Denoising, Standard, front, gather, learn, pictures
from .likeness import feature_error, psnr, shipped_features
from .pictures import grid

ARMS = ("several scales", "one scale", "one vector")
STEPS, TINY_STEPS = 80, 6
BATCH, TINY_BATCH = 6, 2
SAMPLING = 8
CLAIM = Claim(
    id="H6",
    title="Features of the portrait at several scales beat one scale, which beats one vector",
    source="RodinHD (arXiv 2407.06938), section 3.3 and its ablation of diffusion.",
    published="Multi-scale features of a VAE against its latent alone: FID 26.49 / 27.13, LPIPS .299 / .301, SSIM .765 "
    "/ .763; with CLIP's vector: FID 27.74, LPIPS .318, SSIM .745.",
    size=6.0,
    unit="% of the error of features",
    expected="Avatars of held-out people, equal networks and steps: error of features clearly lower with several "
    "scales than with one, and with one scale than with one vector.",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the shipped networks, frozen, say of everybody's portrait."""

    scales: tuple[Tensor, ...]
    """Feature maps, finest first."""
    vector: Tensor
    """The place in the space that portraits share with sentences."""

    def condition(self, arm: str, rows: Tensor) -> PlaneCondition:
        """What an arm is told of some of the people."""
        if arm == "one vector":
            return PlaneCondition(z=self.vector[rows])
        scales = self.scales if arm == "several scales" else self.scales[-1:] * len(self.scales)
        return PlaneCondition(tuple(scale[rows] for scale in scales))

    def config(self, arm: str, config: PlaneUNetConfig) -> PlaneUNetConfig:
        """The network that takes it."""
        if arm == "one vector":
            return replace(config, features=(), z=self.vector.shape[1])
        scales = self.scales if arm == "several scales" else self.scales[-1:] * len(self.scales)
        return replace(config, features=tuple((scale.shape[1], scale.shape[2]) for scale in scales))


def experiment(settings: Settings, progress: Progress) -> Outcome:
    """Three small base models whose attention is joined by other tokens of the same frozen encoder, or by none."""
    crowd, features = gather(settings, part(progress, 0, 0.1)), shipped_features()
    seen = look(crowd)
    planes = crowd.at(settings.pick(16, 8))
    error: dict[str, list[float]] = {arm: [] for arm in ARMS}
    likeness: dict[str, list[float]] = {arm: [] for arm in ARMS}
    shown: dict[str, np.ndarray] = {}
    jobs = len(ARMS) * len(settings.seeds)
    for done, (seed, arm) in enumerate((seed, arm) for seed in settings.seeds for arm in ARMS):
        inner = part(progress, 0.1 + 0.9 * done / jobs, 0.1 + 0.9 * (done + 1) / jobs)
        made, truth = _avatars(settings, crowd, planes, seen, seed, arm, inner)
        error[arm].append(feature_error(features, pictures(made), pictures(truth)))
        likeness[arm].append(psnr(pictures(made), pictures(truth)))
        if done < len(ARMS):
            shown |= {"truth": front(truth[0]), arm: front(made[0])}
    return _outcome(error, likeness, shown)


@torch.no_grad()
def look(crowd: Crowd) -> Seen:
    """Everybody through the shipped embedding."""
    embedding = store.load().embedding
    encoder: PortraitEncoder = embedding.portrait_encoder
    size = embedding.config.portrait.image_size
    maps: list[list[Tensor]] = [[], [], []]
    vectors = []
    for chunk in crowd.portraits.split(16):
        shown = torch.nn.functional.interpolate(chunk, (size, size), mode="bilinear", align_corners=False)
        hidden = encoder.stem(torch.nn.functional.pixel_unshuffle(shown, FOLD))
        maps[0].append(hidden)
        for index, blocks in enumerate((encoder.middle, encoder.last), 1):
            for block in blocks:
                hidden = block(hidden)
            maps[index].append(hidden)
        vectors.append(embedding.image(shown))
    # Laid out by channel: torch 2.13 crashes in the backward pass of 1 x 1 convolutions on maps of the other layout.
    return Seen(tuple(torch.cat(each).contiguous() for each in maps), torch.cat(vectors))


def _avatars(
    settings: Settings, crowd: Crowd, planes: Tensor, seen: Seen, seed: int, arm: str, progress: Progress
) -> tuple[Tensor, Tensor]:
    """Sampled planes of held-out people, and theirs."""
    known, unseen = crowd.split(settings, seed)
    standard, size = Standard.of(planes[known]), planes.shape[-2]
    config = seen.config(arm, PlaneUNetConfig(
        channels=planes.shape[1], size=size, width=settings.pick(24, 8), multipliers=(1, 2, 2), blocks=1, embedding=64,
        attention_heights=(size, size // 2, size // 4), head_channels=16, aware_heights=(size,), learned_variance=False,
        token_channels=64, token_side=settings.pick(8, 2), latent=None, save_memory=False,
    ))  # fmt: skip
    schedule = ScheduleConfig.rodinhd_base()
    torch.manual_seed(seed)
    stage = Denoising(
        PlaneUNet(config), standard.apply(planes[known]), schedule, "v", settings.pick(BATCH, TINY_BATCH),
        lambda chosen, random: (seen.condition(arm, known[chosen]),),
    )  # fmt: skip
    network = learn(settings, seed, stage, settings.pick(STEPS, TINY_STEPS), f"H6 {arm}", progress)
    told = seen.condition(arm, unseen)
    noise = torch.randn(planes[unseen].shape, generator=torch.Generator().manual_seed(seed))
    denoise = at_time(as_network(lambda x, sigma: network(x, sigma, told), "v"), schedule)
    *_, last = ddim(denoise, noise, settings.pick(SAMPLING, 3), schedule)
    return standard.undo(last.x0), planes[unseen]


def _outcome(error: dict[str, list[float]], likeness: dict[str, list[float]], shown: dict[str, np.ndarray]) -> Outcome:
    several, one, vector = (error[arm] for arm in ARMS)
    first_holds, second_holds = clearly_positive(subtract(one, several)), clearly_positive(subtract(vector, one))
    gain = [100 * (b - a) / b for a, b in zip(several, vector, strict=True)]
    why = "Error of features: " + ", ".join(f"{arm} {plus_minus(values, 4)}" for arm, values in error.items()) + "."
    if not first_holds:
        why += " Several scales are not clearly better than one."
    if not second_holds:
        why += " One scale is not clearly better than one vector."
    ours = {"several scales below one vector, %": gain}
    ours |= {f"{arm}: error of features": values for arm, values in error.items()}
    ours |= {f"{arm}: PSNR, dB": values for arm, values in likeness.items()}
    return Outcome(
        ours=ours, headline="several scales below one vector, %", reproduced=first_holds and second_holds, why=why,
        pictures={"One held-out person (first seed)": grid([list(shown.values())], list(shown))},
    )  # fmt: skip
