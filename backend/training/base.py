# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning to generate: the base diffusion on latent planes, given studio portraits that are lit anew at each visit,
sentences about them, or nothing."""

from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..diffusion.denoiser import at_time, diffuse, draw_times, velocity_loss
from ..diffusion.samplers import dpm_solver
from ..diffusion.schedule import ScheduleConfig
from ..models.embedding import JointEmbedding
from ..models.latent_denoiser import (
    IMAGE_Z,
    NOTHING,
    PORTRAIT,
    TEXT_Z,
    LatentDenoiser,
    LatentDenoiserConfig,
    Seen,
)
from ..models.layers import channels_last
from ..models.portrait_reader import PortraitReader
from ..studio.captions import paraphrase
from .latents import LatentSet, average_depth, plane_weights, take_components
from .portrait_set import PortraitSet
from .reading import guessed_angles

SHEET_PEOPLE = 6
OPTIMISM = 1.1
"""By how much people that were not seen are guessed worse than those that were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseStageConfig:
    """How the base model is learned."""

    batch: int = 16
    shares: tuple[float, float, float, float] = (0.74, 0.1, 0.1, 0.06)
    """Of visits with a portrait, with z of one, with z of a sentence, with nothing (condition dropping)."""
    plain: float = 0.5
    """Share of photographs that are lit white and not worn: what is ambiguous in a worn one can be known in these."""
    angle_noise: float = 0.05
    """Deviation of the error of estimated angles, radians."""
    facing: float = 0.4
    """Share of nearly frontal portraits that are taken to be frontal: their angles are not always known."""
    silent: float = 0.35
    """Share of visits from nothing but noise: the one step that answers a portrait."""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig.rodinhd_base)


class BaseStage:
    """Learns from a folder of shards, their latents, the finished embedding and the finished reader."""

    name = "base"

    def __init__(
        self,
        folder: Path,
        latents: LatentSet,
        embedding: JointEmbedding,
        reader: PortraitReader,
        network: LatentDenoiserConfig,
        config: BaseStageConfig,
    ) -> None:
        self.portraits = PortraitSet(folder, network.portrait.image_size)
        if [person["seed"] for person in self.portraits.records] != latents.seeds.tolist():
            raise ValueError("the latents are of other people than the folder holds: learn them again")
        self.latents, self.config = latents, config
        self.embedding = embedding.eval().requires_grad_(False)
        self.network = LatentDenoiser(replace(network, reader=reader.config))
        prepare(self.network, latents, reader)
        channels_last(self.network)

    @torch.inference_mode()
    def begin(self, random: torch.Generator, visits: int = 512) -> None:
        """How much each kind of condition leaves open of each component: known before the first step."""
        network, device = self.network.eval(), self.network.depth.device
        for kind in (PORTRAIT, IMAGE_Z, TEXT_Z):
            chosen = torch.randint(len(self.latents.planes), (visits,), generator=random)
            errors = [
                (self._see(part, torch.full((len(part),), kind), random, device).expected.cpu()
                 - self.latents.coordinates[part]).square()
                for part in chosen.split(32)
            ]  # fmt: skip
            left = (OPTIMISM * torch.cat(errors).mean(0)).clamp(0.03, 0.97)
            network.doubt[kind] = torch.logit(left).to(device)
        network.train()

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Error of the velocity, and of the components that conditions suggest."""
        device = self.network.depth.device
        batch = self.config.batch
        chosen = torch.randint(len(self.latents.planes), (batch,), generator=random)
        kind = torch.multinomial(torch.tensor(self.config.shares), batch, replacement=True, generator=random)
        seen = self._see(chosen, kind, random, device)
        x0 = self.latents.planes[chosen].float().to(device)
        u = draw_times(batch, random)
        u = torch.where(torch.rand(batch, generator=random) < self.config.silent, 1.0, u)
        noise = torch.randn(x0.shape, generator=random)
        noisy, sigma = diffuse(x0, u.to(device), noise.to(device), self.config.schedule)
        predicted = self.network(noisy, sigma, seen)
        known = kind.to(device) != NOTHING
        return {
            "velocity": velocity_loss(predicted.float(), x0, sigma, plane_weights(x0)),
            "suggested": 0.3 * self._suggestion_error(seen.expected[known], chosen[known.cpu()]),
        }

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Frontal and back views that sampled latents stand for: portraits, then sentences, then nothing."""
        network = LatentDenoiser(self.network.config)
        network.load_state_dict(average_weights)
        network.eval()
        random = torch.Generator().manual_seed(0)
        chosen = torch.arange(SHEET_PEOPLE)
        rows = [self._truth_row(chosen)]
        for kind in (PORTRAIT, TEXT_Z, NOTHING):
            own = self._see(chosen, torch.full((SHEET_PEOPLE,), kind), random, network.depth.device, network)
            rows.append(self._row(self._sample(network, own)))
        picture = torch.cat(rows, 1).permute(1, 2, 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((picture.clamp(0, 1) * 255).byte().numpy()).resize(
            (picture.shape[1] * 2, picture.shape[0] * 2)
        ).save(path)

    def record(self) -> dict[str, Any]:
        """Configurations, and what undoes the standardisation."""
        return {"network": self.network.config.to_json(), "schedule": asdict(self.config.schedule),
                "mean": self.latents.mean, "deviation": self.latents.deviation,
                "codec": self.latents.codec.state_dict(), "codec_config": asdict(self.latents.codec.config),
                "people": self.latents.people}  # fmt: skip

    def _see(
        self,
        chosen: Tensor,
        kind: Tensor,
        random: torch.Generator,
        device: torch.device,
        network: LatentDenoiser | None = None,
    ) -> Seen:
        """Fresh photographs and sentences of some people as conditions."""
        network = self.network if network is None else network
        portraits, angles = self.portraits.draw(chosen, random, plain=self.config.plain)
        angles = guessed_angles(angles, self.config.angle_noise, self.config.facing, random)
        with torch.no_grad():
            z = self.embedding.image(portraits.to(device)).float()
            if bool((kind == TEXT_Z).any()):
                said = torch.nonzero(kind == TEXT_Z)[:, 0]
                draw = np.random.default_rng(int(torch.randint(2**31, (1,), generator=random)))
                records = self.portraits.records
                sentences = [paraphrase(records[int(chosen[row]) % len(records)], draw) for row in said]
                z[said.to(device)] = self.embedding.text(sentences).float()
            suggested = self.embedding.components(z).float()
        return network.see(kind.to(device), z, suggested, portraits.to(device), angles)

    def _suggestion_error(self, expected: Tensor, chosen: Tensor) -> Tensor:
        """As a share of the variance of the people's principal components."""
        if not len(expected):
            return expected.sum()
        variance = self.network.principal.variance
        error = (expected - self.latents.coordinates[chosen].to(expected)).square().mean(0)
        return (variance * error).sum() / variance.sum()

    @torch.inference_mode()
    def _sample(self, network: LatentDenoiser, seen: Seen) -> Tensor:
        config = network.config
        shape = (len(seen.embedding), config.latent_channels, config.latent_size, 3 * config.latent_size)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        denoise = at_time(partial(network, seen=seen), self.config.schedule)
        return list(dpm_solver(denoise, noise, 8, self.config.schedule))[-1].x0

    def _truth_row(self, chosen: Tensor) -> Tensor:
        return self._row(self.latents.planes[chosen].float())

    def _row(self, latent: Tensor) -> Tensor:
        """Frontal view, and one from the side, of each latent, [3, H, W]."""
        views = self.latents.codec.decode(latent * self.latents.deviation + self.latents.mean)
        front, side = views[:, 0, :4].flip(2), views[:, 2, :4].transpose(2, 3).flip(2)
        both = torch.cat([front, side], 3)
        coverage = (both[:, 3:] + 1) / 2
        return torch.cat(list((both[:, :3] + 1) / 2 + 1 - coverage), 2)


@torch.no_grad()
def prepare(network: LatentDenoiser, latents: LatentSet, reader: PortraitReader) -> None:
    """Set what the network knows of people before training: principal components, how to read them, average depth."""
    take_components(network.principal, latents)
    network.read.load_state_dict(reader.state_dict())
    network.read.requires_grad_(False)
    network.depth.copy_(average_depth(latents, network.config.aligned_size))


def load_base(checkpoint: Path) -> tuple[LatentDenoiser, dict[str, Any]]:
    """The averaged network of a run, and its record."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    network = LatentDenoiser(LatentDenoiserConfig.from_json(state["record"]["network"]))
    network.load_state_dict(state["average"])
    return network.eval().requires_grad_(False), state["record"]
