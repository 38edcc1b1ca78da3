# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning to read portraits: which principal components of people, that is which whole head, a picture shows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..models.layers import channels_last
from ..models.laying import lay_on_plane
from ..models.portrait_reader import PortraitReader, PortraitReaderConfig
from ..models.principal import PrincipalPath, shown
from ..studio.attributes import UNKNOWN
from ..studio.dataset import DatasetError
from .embedding import class_table
from .latents import LatentSet, average_depth, plane_weights, take_components
from .portrait_set import PortraitSet


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderTraining:
    """How the reader is learned."""

    batch: int = 64
    plain: float = 0.6
    """Share of photographs that are lit white and not worn: what is ambiguous in a worn one can be known in these."""
    angle_noise: float = 0.05
    """Deviation of the error of estimated angles, radians."""
    facing: float = 0.4
    """Share of nearly frontal portraits that are taken to be frontal: their angles are not always known."""
    trait_weight: float = 0.05
    """Of naming hair, clothes and the like, which shows the features early what is worth seeing."""
    held_out: int = 64
    """People, the last of the folder, that only measure."""


class Reading(nn.Module):
    """A reader with what names traits off its features while it learns."""

    def __init__(self, config: PortraitReaderConfig, traits: dict[str, int]) -> None:
        super().__init__()
        self.reader = PortraitReader(config)
        self.counts = dict(traits)
        """Trait -> number of its classes."""
        self.traits = nn.ModuleList(nn.Linear(config.hidden, count) for count in traits.values())

    def forward(self, *seen: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Components, frontal latent and logits of traits of what `PortraitReader` takes."""
        features, fine = self.reader.look(*seen)
        named = {name: trait(features) for name, trait in zip(self.counts, self.traits, strict=True)}
        return *self.reader.read(features, fine), named


class ReaderStage:
    """Learns from a folder of shards and their latents."""

    name = "reader"

    def __init__(self, folder: Path, latents: LatentSet, network: PortraitReaderConfig, config: ReaderTraining) -> None:
        self.portraits = PortraitSet(folder, network.image_size)
        if [person["seed"] for person in self.portraits.records] != latents.seeds.tolist():
            raise DatasetError("latents and portraits are of different people", "Learn the latents of this folder.")
        self.latents, self.config = latents, config
        self.people = latents.people - min(config.held_out, latents.people // 4)
        """People below this index are trained on."""
        self.classes = class_table(self.portraits.records)
        tops = sorted({record["top"] or "" for record in self.portraits.records})
        self.classes["top"] = torch.tensor([tops.index(record["top"] or "") for record in self.portraits.records])
        self.network = Reading(network, {name: int(each.max()) + 1 for name, each in self.classes.items()})
        channels_last(self.network)
        self.depth = average_depth(latents, network.image_size)
        self.principal = PrincipalPath(len(latents.variance), latents.basis.shape[1], 1, 1)
        take_components(self.principal, latents)
        self.variance = float((latents.planes.float().square() * plane_weights(latents.planes)).mean())

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Share of the people's variance that stays unexplained, planes weighed, and entropy of the traits."""
        device = next(self.network.parameters()).device
        rows = torch.randint(self.people, (self.config.batch,), generator=random)
        chosen = rows + torch.randint(2, rows.shape, generator=random) * self.latents.people
        portraits, angles = self.portraits.draw(chosen, random, plain=self.config.plain)
        angles = guessed_angles(angles, self.config.angle_noise, self.config.facing, random)
        laid = lay_on_plane(portraits, angles, self.depth)
        components, front, named = self.network(portraits.to(device), laid.to(device), angles.to(device))
        traits = [
            functional.cross_entropy(logits.float(), self.classes[name][rows].to(device), ignore_index=UNKNOWN)
            for name, logits in named.items()
            if self.classes[name][rows].ne(UNKNOWN).any()
        ]
        return {
            "unexplained": self._unexplained(components, front, chosen),
            "traits": self.config.trait_weight * torch.stack(traits).mean(),
        }

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Shares that stay unexplained of people that were not trained on, as a text file beside the pictures."""
        network = Reading(self.network.reader.config, self.network.counts)
        network.load_state_dict(average_weights)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".txt").write_text(
            "".join(f"{name}: {value:.4f}\n" for name, value in self.measure(network.eval().reader).items())
        )

    def record(self) -> dict[str, Any]:
        """What rebuilds the reader."""
        return {"reader": self.network.reader.config.to_json(), "people": self.people, "traits": self.network.counts}

    @torch.inference_mode()
    def measure(self, reader: PortraitReader) -> dict[str, float]:
        """Unexplained share of the variance of people that were not trained on, plainly lit and worn."""
        rows = torch.arange(self.people, self.latents.people)
        found = {}
        for name, plain in (("plain", 1.0), ("worn", 0.0)):
            portraits, angles = self.portraits.draw(
                rows, torch.Generator().manual_seed(0), torch.zeros(len(rows), dtype=torch.long), plain
            )
            components, front = reader(portraits, lay_on_plane(portraits, angles, self.depth), angles)
            found[name] = float(self._unexplained(components, front, rows))
        return found

    def _unexplained(self, components: Tensor, front: Tensor, chosen: Tensor) -> Tensor:
        principal = self.principal.to(components.device)
        wanted = self.latents.planes[chosen].float().to(components.device)
        error = (shown(principal, components, front) - wanted).square()
        return (plane_weights(error) * error).mean() / self.variance


def guessed_angles(
    angles: Float[Tensor, "B 2"], noise: float, facing: float, random: torch.Generator
) -> Float[Tensor, "B 2"]:
    """Angles as a face finder gives them: a little off, at times not at all where the portrait is nearly frontal."""
    noisy = angles + noise * torch.randn(angles.shape, generator=random)
    frontal = torch.rand(len(angles), generator=random) < facing
    return torch.where((frontal & (angles[:, 0].abs() < 0.25))[:, None], 0.0, noisy)


def load_reader(checkpoint: Path) -> PortraitReader:
    """The averaged reader of a finished or interrupted run."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    network = Reading(PortraitReaderConfig.from_json(state["record"]["reader"]), state["record"]["traits"])
    network.load_state_dict(state["average"])
    return network.reader.eval().requires_grad_(False)
