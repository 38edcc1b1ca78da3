# SPDX-License-Identifier: GPL-3.0-or-later
"""The papers' upsampler on fitted planes: clean large planes from worn small ones, judged by what is seen of them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..diffusion.chain import Chain, ancestral
from ..diffusion.samplers import Step
from ..diffusion.schedule import ScheduleConfig
from ..models.plane_upsampler import PlaneUpsampler, PlaneUpsamplerConfig, enlarge
from ..models.unet import PlaneCondition
from .augmentation import AugmentationConfig, worn
from .plane_seeing import See
from .plane_set import PlaneSet
from .plane_sheet import save_sheet
from .render_loss import Features, RenderLossConfig, render_losses

SHEET_PEOPLE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneUpsamplerStageConfig:
    """How the upsampler is learned; the defaults are RodinHD's, on one device."""

    batch: int = 1
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig.rodinhd_upsampler)
    steps: int = 100
    """Of the chain."""
    drop: float = 0.2
    """Share of visits without a condition; the small planes are always there."""
    rendered: int = 1
    """People per minibatch of whom a patch is rendered; 0: planes alone teach."""
    render: RenderLossConfig = field(default_factory=RenderLossConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    sample_steps: int = 10


class PlaneUpsamplerStage:
    """Learns from a set of planes; `features` of pictures add the perceptual error."""

    name = "upsampler"

    def __init__(
        self,
        people: PlaneSet,
        see: See,
        network: PlaneUpsamplerConfig,
        config: PlaneUpsamplerStageConfig,
        features: Features | None = None,
    ) -> None:
        if (network.channels, network.size) != (people.channels, people.size):
            raise ValueError(
                f"the network makes planes of {network.channels} x {network.size}², the people have "
                f"{people.channels} x {people.size}²; ask PlaneSet for the network's"
            )
        self.people, self.see, self.config, self.features = people, see, config, features
        self.network = PlaneUpsampler(network)
        self.chain = Chain.of(config.schedule, config.steps)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Errors of planes and of rendered patches."""
        device = next(self.network.parameters()).device
        names = self.people.draw(self.config.batch, random)
        x0 = self.people.standard(names)
        low = worn(x0, self.network.config.low_size, self.config.augmentation, random).to(device)
        t = torch.randint(self.config.steps, (len(names),), generator=random)
        noise = torch.randn(x0.shape, generator=random).to(device)
        dropped = torch.rand(len(names), generator=random) < self.config.drop
        x0 = x0.to(device)
        with torch.autocast(device.type, enabled=False):
            condition = self.see(self.people.portraits(names).to(device), random).without(dropped)
        predicted = self.network(self.chain.diffuse(x0, t, noise), self.chain.sigma(t).to(device), low, condition)
        terms = {"planes": (predicted - x0).square().mean()}
        if rendered := self.config.rendered:
            with torch.autocast(device.type, enabled=False):
                decoder = self.people.decoder.to(device)
                planes = self.people.planes(predicted[:rendered])
                views = [self.people.views(name).to(device) for name in names[:rendered]]
                terms |= render_losses(planes, decoder, views, self.config.render, random, self.features)
        return terms

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Portraits; planes that were made small, enlarged plainly; sampled; fitted."""
        network = PlaneUpsampler(self.network.config)
        network.load_state_dict(average_weights)
        device = next(self.network.parameters()).device
        network.eval().to(device)
        names = self.people.names[:SHEET_PEOPLE]
        portraits, truth = self.people.portraits(names).to(device), self.people.standard(names)
        low = enlarge(truth, network.config.low_size).to(device)
        random = torch.Generator().manual_seed(0)
        *_, last = sample_large(network, low, self.see(portraits, None), self.config, random)
        versions = (enlarge(low, network.config.size), last.x, truth)
        planes = [self.people.planes(version.cpu()) for version in versions]
        save_sheet(path, portraits.cpu(), planes, self.people.decoder.cpu())

    def record(self) -> dict[str, Any]:
        """Configurations, and what undoes the standardisation."""
        return {"network": asdict(self.network.config), "stage": asdict(self.config), "mean": self.people.mean,
                "deviation": self.people.deviation, "people": len(self.people)}  # fmt: skip


def sample_large(
    network: PlaneUpsampler,
    low: Float[Tensor, "B C S V"],
    condition: PlaneCondition,
    config: PlaneUpsamplerStageConfig,
    random: torch.Generator,
) -> Iterator[Step]:
    """Large standard planes from small ones; x of the last step is the sample."""
    size = network.config.size
    noise = torch.randn(len(low), network.config.channels, size, 3 * size, generator=random).to(low.device)
    denoise = partial(network, low=low, condition=condition)
    chain = Chain.of(config.schedule, config.steps).respaced(config.sample_steps)
    yield from ancestral(lambda x, sigma: (denoise(x, sigma), None), noise, chain, random, clamp=1.0)
