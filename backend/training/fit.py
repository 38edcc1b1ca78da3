# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitting: one decoder for all people, and planes that one network makes from the views of each of them."""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..geometry.triplane import Triplane, unroll
from ..models.decoder import DecoderConfig, FieldDecoder
from ..models.layers import channels_last
from ..models.plane_codec import CodecConfig, LightPlaneDecoder, ViewCodec, views_to_input
from .data import People
from .loop import Average, Clock, Curves, Report, descend, ignore, load_checkpoint, save_checkpoint
from .losses import total_variation
from .precision import use_bfloat16

logger = logging.getLogger(__name__)
ARRAYS = ("points", "sdf", "surface", "colour", "axis_rgba", "axis_depth")


@dataclass(frozen=True, slots=True, kw_only=True)
class FitConfig:
    """How planes and decoder are learned."""

    minutes: float = 20.0
    """Training time."""
    people_per_step: int = 8
    points: int = 3000
    """Distance samples per person and step."""
    surface_points: int = 2500
    """Colour samples per person and step."""
    learning_rate: float = 3e-3
    latent_noise: float = 0.05
    """Deviation of noise on the latents, in units of theirs: the decoder learns to forgive a generator's errors."""
    variation_weight: float = 0.01
    """Weight of the field planes' squared total variation."""
    save_every: int = 100


class Fitter(nn.Module):
    """The three networks that are learned together."""

    def __init__(self, codec: CodecConfig, decoder: DecoderConfig) -> None:
        super().__init__()
        self.codec, self.planes, self.decoder = ViewCodec(codec), LightPlaneDecoder(codec), FieldDecoder(decoder)
        channels_last(self)

    def views(self, people: People, chosen: Tensor) -> Float[Tensor, "B 3 K S S"]:
        """Views of some people along the axes, as the codec takes them."""
        rgba, depth = people.take("axis_rgba", chosen), people.take("axis_depth", chosen)
        return views_to_input(rgba, depth, self.codec.config.view_size)


def fit(
    folder: Path,
    out: Path,
    config: FitConfig,
    codec: CodecConfig,
    seed: int = 0,
    report: Report = ignore,
) -> Path:
    """Train on a folder of shards; returns the checkpoint, which also continues a killed run."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    people = People(folder, ARRAYS)
    decoder = DecoderConfig(channels=codec.plane_channels)
    fitter = Fitter(codec, decoder)
    optimiser = torch.optim.AdamW(fitter.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4)
    average = Average(fitter, 0.998)
    clock = Clock(config.minutes)
    checkpoint = out / "fit.pt"
    if (state := load_checkpoint(checkpoint, clock)) is not None:
        fitter.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        average.weights = state["average"]
        random.manual_seed(seed + clock.steps)
    else:
        kept = fitter.codec.learn(fitter.views(people, torch.arange(len(people))))
        logger.info("the codec keeps %s of the variance of xy, xz, yz", [round(float(share), 4) for share in kept])
    curves = Curves(out / "fit.jsonl", clock)

    def save() -> None:
        configs = {"codec": asdict(codec), "decoder": asdict(decoder), "fit": asdict(config)}
        save_checkpoint(checkpoint, clock, network=fitter.state_dict(), optimiser=optimiser.state_dict(),
                        average=average.weights, configs=configs, people=len(people))  # fmt: skip

    for step in clock.ticks():
        chosen = torch.randint(len(people), (config.people_per_step,), generator=random)
        losses = _losses(fitter, people, chosen, config, random)
        descend(losses, fitter, optimiser, average, clock, config.learning_rate)
        curves.add(**losses)
        if (step + 1) % config.save_every == 0:
            people.refresh()
            report(clock, curves.flush())
            save()
    save()
    return checkpoint


def load_fitter(checkpoint: Path) -> Fitter:
    """The averaged networks of a finished or interrupted run."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    fitter = Fitter(CodecConfig(**state["configs"]["codec"]), DecoderConfig(**state["configs"]["decoder"]))
    fitter.load_state_dict(state["average"])
    return fitter.eval().requires_grad_(False)


def _losses(
    fitter: Fitter, people: People, chosen: Tensor, config: FitConfig, random: torch.Generator
) -> dict[str, Tensor]:
    latent = fitter.codec.encode(fitter.views(people, chosen))
    noise = torch.randn(latent.shape, generator=random) * latent.std()
    views = fitter.codec.decode(latent + config.latent_noise * noise)
    with torch.autocast("cpu", torch.bfloat16, enabled=use_bfloat16()):
        rolled = fitter.planes(views)
    points, sdf = people.draw_points(("points", "sdf"), chosen, config.points, random)
    surface, colour = people.draw_points(("surface", "colour"), chosen, config.surface_points, random)
    triplane = fitter.planes.as_triplane(rolled)
    features = triplane.sample(torch.cat([points, surface], 1).float())
    distance, albedo = fitter.decoder(features)
    # Surface points teach colour only: so many exact zeros flatten the distance beside the surface.
    near = torch.where(sdf.abs() < 0.03, 3.0, 1.0)
    return {
        "sdf": 20 * (near * (distance[:, : config.points] - sdf.float()).abs()).mean(),
        "colour": 2 * (albedo[:, config.points :] - colour.float() / 255).abs().mean(),
        "variation": config.variation_weight * total_variation(unroll(rolled.float())),
    }


def refine_planes(
    planes: Float[Tensor, "1 3 C R R"], decoder: FieldDecoder, samples: dict[str, np.ndarray], steps: int = 400
) -> Triplane:
    """Fit one person's planes alone, the decoder frozen (RodinHD, stage 2), from a start that the common network gave.

    `samples` are the arrays of `studio.dataset.person_sample`: points, sdf, surface, colour.
    """
    random = torch.Generator().manual_seed(0)
    start = planes.detach().clone()
    planes = start.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([planes], lr=0.02)
    arrays = {name: torch.from_numpy(values) for name, values in samples.items()}
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 0.02 * (1 - step / steps) + 1e-4
        near = torch.randint(len(arrays["points"]), (8000,), generator=random)
        coloured = torch.randint(len(arrays["surface"]), (6000,), generator=random)
        points = torch.cat([arrays["points"][near], arrays["surface"][coloured]])[None].float()
        distance, albedo = decoder(Triplane(planes).sample(points)[0])
        target = arrays["sdf"][near].float()
        weight = torch.where(target.abs() < 0.03, 3.0, 1.0)
        loss = 20 * (weight * (distance[: len(near)] - target).abs()).mean()
        loss = loss + 2 * (albedo[len(near) :] - arrays["colour"][coloured].float() / 255).abs().mean()
        loss = loss + 0.02 * total_variation(planes)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return Triplane(planes.detach())
