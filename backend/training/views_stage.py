# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning to repaint views of heads: sharp ones from worn ones, with holes, given their shape and who it is."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..diffusion.denoiser import at_time, diffuse, draw_times
from ..diffusion.samplers import ddim
from ..diffusion.schedule import ScheduleConfig
from ..models.embedding import JointEmbedding
from ..models.layers import channels_last
from ..models.view_denoiser import SeenView, ViewDenoiser, ViewDenoiserConfig, expected
from ..weights.painter import Painter, PainterConfig
from .surround_set import SurroundSet
from .view_wear import wear

SHEET_VIEWS, SHEET_STEPS = 10, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewsStageConfig:
    """How the view denoiser is learned."""

    batch: int = 6
    side: int = 128
    """Of the parts of views in a minibatch, pixels: a face at the scale of the first pass. Many small steps teach more
    than few large ones."""
    slopes: float = 0.5
    """Weight of the error's slopes: what is fine counts more."""
    blind: float = 0.7
    """Share of visits under noise that hides everything: there only what is known of the view helps."""
    background: float = 0.03
    """Weight of what is not the head."""
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig(kind="cosine", tau=0.2))
    """Little noise most of the time: the present picture has settled what is large."""


class ViewsStage:
    """Learns from a folder of `studio.surround` shards and a finished embedding."""

    name = "views"

    def __init__(
        self, folder: Path, embedding: JointEmbedding, network: ViewDenoiserConfig, config: ViewsStageConfig
    ) -> None:
        self.embedding, self.config = embedding.eval().requires_grad_(False), config
        self.people = SurroundSet(folder, self.embedding)
        self.network = ViewDenoiser(network)
        channels_last(self.network)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Squared errors of the correction and of its slopes, over the head."""
        config, device = self.config, self.network.stem.weight.device
        truth = self.people.draw(config.batch, config.side, random)
        seen = to_device(wear(truth, random), device)
        x0 = (2 * truth.picture - 1).to(device)
        u = draw_times(config.batch, random)[torch.randperm(config.batch, generator=random)]
        u[torch.rand(config.batch, generator=random) < config.blind] = 1.0
        noise = torch.randn(x0.shape, generator=random).to(device)
        noisy, sigma = diffuse(x0, u.to(device), noise, config.schedule)
        mean, deviation = expected(noisy, sigma, seen)
        error = self.network.correction(noisy, sigma, seen).float() - (x0 - mean) / deviation
        weight = config.background + (1 - config.background) * truth.shown.to(device)
        across, down = error.diff(dim=3).square(), error.diff(dim=2).square()
        slopes = (weight[..., 1:] * across).mean() + (weight[:, :, 1:] * down).mean()
        return {
            "correction": (weight * error.square()).mean() / weight.mean(),
            "slopes": config.slopes * slopes / weight.mean(),
        }

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Views as they were worn, repainted, and true."""
        network = ViewDenoiser(self.network.config)
        network.load_state_dict(average_weights)
        random = torch.Generator().manual_seed(0)
        truth = self.people.draw(SHEET_VIEWS, self.config.side, random)
        seen = wear(truth, random)
        repainted = self.repaint(network.eval(), seen)
        rows = [torch.cat(list(each), 2) for each in (seen.picture / 2 + 0.5, repainted, truth.picture)]
        picture = (torch.cat(rows, 1).clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.numpy()).save(path)

    def repaint(self, network: ViewDenoiser, seen: SeenView) -> Float[Tensor, "B 3 H W"]:
        """Sampled views in [0, 1], nothing held back."""
        noise = torch.randn(seen.picture.shape, generator=torch.Generator().manual_seed(1))
        denoise = at_time(partial(network, seen=seen), self.config.schedule)
        *_, last = ddim(denoise, noise, SHEET_STEPS, self.config.schedule)
        return last.x0 / 2 + 0.5

    def record(self) -> dict[str, Any]:
        """The configuration of a painter, the embedding that it was trained with, and the number of people."""
        config = PainterConfig(self.network.config, self.embedding.config, self.config.schedule)
        return {"painter": config.to_json(), "embedding": self.embedding.state_dict(), "people": len(self.people)}


def to_device(seen: SeenView, device: torch.device) -> SeenView:
    """The same knowledge on a device."""
    return SeenView(*(each.to(device) for each in (seen.picture, seen.guide, seen.numbers, seen.z)))


def trained_painter(checkpoint: Path) -> Painter:
    """The averaged network of a run with its embedding, ready to use."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    painter = Painter.build(PainterConfig.from_json(state["record"]["painter"]))
    painter.denoiser.load_state_dict(state["average"])
    painter.embedding.load_state_dict(state["record"]["embedding"])
    return painter.ready()
