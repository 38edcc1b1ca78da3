# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning to generate: the base diffusion on latent planes, given studio portraits that are lit anew at each visit."""

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..diffusion.denoiser import diffuse, draw_times, velocity_loss
from ..diffusion.schedule import ScheduleConfig
from ..models.layers import channels_last
from ..models.plane_codec import views_to_input
from ..models.triplane_unet import TriplaneUNet, UNetConfig
from .data import People
from .export import sample_sheet
from .fit import Fitter, load_fitter, use_bfloat16
from .loop import Average, Clock, Curves, Report, descend, ignore, load_checkpoint, save_checkpoint
from .portraits import photograph

logger = logging.getLogger(__name__)
ARRAYS = ("axis_rgba", "axis_depth", "portrait_rgba", "portrait_normal")


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeConfig:
    """How the base model is learned."""

    minutes: float = 60.0
    """Training time."""
    batch: int = 16
    learning_rate: float = 5e-4
    glance_share: float = 0.15
    """Share of the run that only teaches the portrait encoder, by the people's principal components: a step costs a
    tenth of a whole one for each portrait."""
    glance_batch: int = 64
    drop: float = 0.12
    """Share of visits without a portrait, for guidance and for seeds."""
    average: float = 0.999
    """Decay of the averaged weights."""
    save_every: int = 100
    sample_every: int = 500
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)


@dataclass(frozen=True, slots=True)
class Latents:
    """Latent planes of people and of their mirror images, standardised."""

    planes: Float[Tensor, "N L R W"]
    """Mean zero, deviation one over all; the second half is mirrored."""
    mean: Float[Tensor, "L R W"]
    """The average person, symmetric."""
    deviation: Float[Tensor, ""]


def mirror_views(rgba: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
    """Axis views [B, 3, 2, S, S, ...] of the person seen in a mirror (x to -x)."""
    xy, xz = rgba[:, 0].flip(3), rgba[:, 1].flip(3)
    yz = rgba[:, 2].flip(1)  # the two ends of the x axis change places
    deep = torch.stack([depth[:, 0].flip(3), depth[:, 1].flip(3), -depth[:, 2].flip(1)], 1)
    return torch.stack([xy, xz, yz], 1), deep


@torch.inference_mode()
def encode_people(fitter: Fitter, people: People) -> Latents:
    """Latent planes of everybody and their mirror images."""
    plain, mirrored = [], []
    for chosen in torch.arange(len(people)).split(16):
        rgba, depth = people.take("axis_rgba", chosen), people.take("axis_depth", chosen)
        size = fitter.codec.config.view_size
        plain.append(fitter.codec.encode(views_to_input(rgba, depth, size)))
        mirrored.append(fitter.codec.encode(views_to_input(*mirror_views(rgba, depth), size)))
    planes = torch.cat([*plain, *mirrored])
    mean = planes.mean(0)
    deviation = (planes - mean).std()
    return Latents((planes - mean) / deviation, mean, deviation)


def train_cascade(
    folder: Path,
    fit_checkpoint: Path,
    out: Path,
    config: CascadeConfig,
    unet: UNetConfig,
    seed: int = 0,
    report: Report = ignore,
) -> Path:
    """Train the base model, leaving a grid of samples now and then; returns its checkpoint, which also continues a
    killed run."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    people = People(folder, ARRAYS)
    fitter = load_fitter(fit_checkpoint)
    latents = encode_people(fitter, people)
    network = TriplaneUNet(unet)
    share = network.principal.learn(latents.planes.flatten(1))
    logger.info("%d people; %d components explain %.3f of their variance", len(people), unet.components, share)
    channels_last(network)
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=0.01)
    average = Average(network, config.average)
    clock = Clock(config.minutes)
    checkpoint = out / "cascade.pt"
    if (state := load_checkpoint(checkpoint, clock)) is not None:
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        average.weights = state["average"]
        random.manual_seed(seed + clock.steps)
    curves = Curves(out / "cascade.jsonl", clock)

    def save() -> None:
        configs = {"unet": asdict(unet), "cascade": asdict(config)}
        save_checkpoint(checkpoint, clock, network=network.state_dict(), optimiser=optimiser.state_dict(),
                        average=average.weights, configs=configs, people=len(people),
                        mean=latents.mean, deviation=latents.deviation)  # fmt: skip

    for step in clock.ticks():
        if clock.progress < config.glance_share:
            losses = {"glance": _glance_loss(network, people, latents, config.glance_batch, random)}
        else:
            losses = _losses(network, people, latents, config, random)
        descend(losses, network, optimiser, average, clock, config.learning_rate)
        curves.add(**losses)
        if (step + 1) % config.save_every == 0:
            report(clock, curves.flush())
            save()
        if (step + 1) % config.sample_every == 0:
            sampled = TriplaneUNet(unet)
            sampled.load_state_dict(average.weights)
            shown = draw_portraits(people, torch.arange(4), unet.portrait.image_size, torch.Generator().manual_seed(0))
            to_latent = (latents.mean, latents.deviation)
            sample_sheet(out / f"samples_{step + 1:06d}.png", sampled.eval(), fitter, shown, to_latent, config.schedule)
    save()
    return checkpoint


def _glance_loss(
    network: TriplaneUNet, people: People, latents: Latents, batch: int, random: torch.Generator
) -> Tensor:
    """How far the glance is from the people's principal components, as a share of their variance."""
    chosen = torch.randint(len(latents.planes), (batch,), generator=random)
    portraits = draw_portraits(people, chosen, network.config.portrait.image_size, random)
    with torch.autocast("cpu", torch.bfloat16, enabled=use_bfloat16()):
        expected = network.condition(portraits).expected
    return _glance_error(network, expected, latents.planes[chosen])


def _glance_error(network: TriplaneUNet, expected: Tensor, planes: Tensor) -> Tensor:
    principal = network.principal
    error = (expected - principal.coordinates(planes.flatten(1))).square().mean(0)
    return (principal.variance * error).sum() / principal.variance.sum()


def _losses(
    network: TriplaneUNet, people: People, latents: Latents, config: CascadeConfig, random: torch.Generator
) -> dict[str, Tensor]:
    chosen = torch.randint(len(latents.planes), (config.batch,), generator=random)
    portraits = draw_portraits(people, chosen, network.config.portrait.image_size, random)
    dropped = torch.rand(config.batch, generator=random) < config.drop
    u = draw_times(config.batch, random)
    noise = torch.randn(latents.planes[chosen].shape, generator=random)
    noisy, sigma = diffuse(latents.planes[chosen], u, noise, config.schedule)
    with torch.autocast("cpu", torch.bfloat16, enabled=use_bfloat16()):
        seen = network.condition(portraits, dropped)
        predicted = network(noisy, sigma, seen)
    kept = ~dropped
    return {
        "velocity": velocity_loss(predicted, latents.planes[chosen], sigma),
        "glance": 0.3 * _glance_error(network, seen.expected[kept], latents.planes[chosen][kept]),
    }


def draw_portraits(people: People, chosen: Tensor, size: int, random: torch.Generator) -> Float[Tensor, "B 4 H W"]:
    """A fresh photograph of each chosen person, mirrored for indices beyond the people's count."""
    mirrored = chosen >= len(people)
    rows = chosen % len(people)
    rgba, normal = people.take("portrait_rgba", rows), people.take("portrait_normal", rows)
    which = torch.randint(rgba.shape[1], (len(chosen),), generator=random)

    def pick(stack: Tensor) -> Tensor:
        picked = stack[torch.arange(len(chosen)), which].permute(0, 3, 1, 2).float()
        return functional.avg_pool2d(picked, picked.shape[-1] // size)

    rgba, normal = pick(rgba) / 255, pick(normal) / 127
    flip = mirrored[:, None, None, None]
    rgba = torch.where(flip, rgba.flip(3), rgba)
    normal = torch.where(flip, normal.flip(3) * torch.tensor([-1.0, 1, 1])[:, None, None], normal)
    return photograph(rgba, normal, random)
