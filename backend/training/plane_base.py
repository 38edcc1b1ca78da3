# SPDX-License-Identifier: GPL-3.0-or-later
"""The papers' base model on fitted planes: noise, velocity or clean data, with learned variances or without."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.chain import Chain, ancestral
from ..diffusion.parametrisation import Prediction, clean, split_variance, wanted
from ..diffusion.samplers import Step
from ..diffusion.schedule import ScheduleConfig
from ..models.unet import PlaneCondition, PlaneUNet, PlaneUNetConfig
from .plane_seeing import See
from .plane_set import PlaneSet
from .plane_sheet import save_sheet

SHEET_PEOPLE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneBaseConfig:
    """How the base model is learned; the defaults are RodinHD's, but for the batch of one device."""

    batch: int = 3
    """People per minibatch: 96 over 32 devices."""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig.rodinhd_base)
    steps: int = 1000
    """Of the chain."""
    prediction: Prediction = "eps"
    drop: float = 0.2
    """Share of visits without a condition."""
    guidance: float = 1.3
    """Of samples."""
    sample_steps: int = 10


class PlaneBaseStage:
    """Learns from a set of planes."""

    name = "base"

    def __init__(self, people: PlaneSet, see: See, network: PlaneUNetConfig, config: PlaneBaseConfig) -> None:
        if (network.channels, network.size) != (people.channels, people.size):
            raise ValueError(
                f"the network makes planes of {network.channels} x {network.size}², the people have "
                f"{people.channels} x {people.size}²; ask PlaneSet for the network's"
            )
        self.people, self.see, self.config = people, see, config
        self.network = PlaneUNet(network)
        self.chain = Chain.of(config.schedule, config.steps)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Error of the prediction, and the variational bound of its variances (Nichol and Dhariwal 2021, eq. 16)."""
        device = next(self.network.parameters()).device
        names = self.people.draw(self.config.batch, random)
        x0 = self.people.standard(names).to(device)
        t = torch.randint(self.config.steps, (len(names),), generator=random)
        noise = torch.randn(x0.shape, generator=random).to(device)
        dropped = torch.rand(len(names), generator=random) < self.config.drop
        with torch.autocast(device.type, enabled=False):
            condition = self.see(self.people.portraits(names).to(device), random).without(dropped)
        x, sigma = self.chain.diffuse(x0, t, noise), self.chain.sigma(t).to(device)
        said, share = split_variance(self.network(x, sigma, condition).float(), x0.shape[1])
        terms = {"simple": (said - wanted(x0, noise, sigma, self.config.prediction)).square().mean()}
        if share is not None:
            guess = clean(said, x, sigma, self.config.prediction).clamp(-1, 1)
            terms["bound"] = self.config.steps / 1000 * self.chain.bound(x0, x, t, guess, share).mean()
        return terms

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Four people's portraits, their fitted planes and samples from two noises, seen from the front and aside."""
        network = PlaneUNet(self.network.config)
        network.load_state_dict(average_weights)
        device = next(self.network.parameters()).device
        network.eval().to(device)
        names = self.people.names[:SHEET_PEOPLE]
        portraits = self.people.portraits(names).to(device)
        condition = self.see(portraits, None)
        rows = [self.people.standard(names)]
        for seed in range(2):
            *_, last = sample_planes(network, condition, self.config, torch.Generator().manual_seed(seed), len(names))
            rows.append(last.x.cpu())
        save_sheet(path, portraits.cpu(), [self.people.planes(row) for row in rows], self.people.decoder)

    def record(self) -> dict[str, Any]:
        """Configurations, and what undoes the standardisation."""
        return {"network": asdict(self.network.config), "stage": asdict(self.config), "mean": self.people.mean,
                "deviation": self.people.deviation, "decoder": self.people.decoder.state_dict(),
                "people": len(self.people)}  # fmt: skip


def sample_planes(
    network: PlaneUNet, condition: PlaneCondition, config: PlaneBaseConfig, random: torch.Generator, count: int
) -> Iterator[Step]:
    """Standard planes by the chain's own steps, guided; x of the last step is the sample."""
    size, device = network.config.size, next(network.parameters()).device
    noise = torch.randn(count, network.config.channels, size, 3 * size, generator=random).to(device)
    nothing = condition.without(torch.ones(count, dtype=torch.bool))

    def model(x: Tensor, sigma: Tensor) -> tuple[Float[Tensor, "B C R W"], Tensor | None]:
        said, share = split_variance(network(x, sigma, condition).float(), x.shape[1])
        if config.guidance != 1:
            free, _ = split_variance(network(x, sigma, nothing).float(), x.shape[1])
            said = free + config.guidance * (said - free)
        return clean(said, x, sigma, config.prediction), share

    chain = Chain.of(config.schedule, config.steps).respaced(config.sample_steps)
    yield from ancestral(model, noise, chain, random, clamp=1.0)
