# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of task replay, from a tiny run for tests to the sizes of the papers."""

from dataclasses import dataclass, field
from typing import Any, Literal

from ..models.decoder import DecoderConfig
from .objective import ObjectiveConfig
from .photometric import PhotometricConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanesConfig:
    """Size of the planes of one person."""

    resolution: int = 64
    channels: int = 16

    @property
    def megabytes(self) -> float:
        """Memory of one person while it is fitted: planes, gradient and both moments of Adam, single precision."""
        return 4 * 4 * 3 * self.channels * self.resolution**2 / 2**20

    @classmethod
    def tiny(cls) -> "PlanesConfig":
        """For tests."""
        return cls(resolution=16, channels=8)

    @classmethod
    def rodin(cls) -> "PlanesConfig":
        """As Rodin."""
        return cls(resolution=256, channels=32)

    @classmethod
    def rodinhd(cls) -> "PlanesConfig":
        """As RodinHD."""
        return cls(resolution=512, channels=32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayConfig:
    """How the shared decoder is learned."""

    planes: PlanesConfig = field(default_factory=PlanesConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    hidden: int = 64
    """Width of the decoder's hidden layers."""
    visits: int = 8
    """Times that each person is fitted."""
    steps: int = 25
    """Steps of one visit."""
    together: int = 1
    """People per step: one on a processor, as many as memory allows on a GPU."""
    plane_rate: float = 0.02
    """Learning rate of the planes at the start of a first visit."""
    plane_rate_within: float = 0.1
    """What is left of it at the end of a visit."""
    plane_rate_drop: float = 0.5
    """At visit v (from 0) the rate is divided by drop * v + 1; RodinHD has 10 at thirty visits."""
    decoder_rate: float = 2e-3
    decoder_rate_end: float = 0.01
    """What is left of the decoder's rate at the end of the run."""
    weight_decay: float = 0.0
    """Of the decoder, decoupled."""
    consolidation: float = 100.0
    """Lambda of weight consolidation, none at first visits; RodinHD's is 0.1, for another scale of the loss."""
    rescale_share: float = 0.25
    """Share of steps in which planes are shrunk to a random size and enlarged again."""
    rescale_least: float = 0.5
    """Least such size, as a share of the resolution."""
    noise: float = 0.001
    """Deviation of noise on the planes in those steps."""
    start: Literal["auto", "encoder", "mean"] = "auto"
    """First planes: what the shipped networks make of the axis views, or the mean of the people visited so far; auto
    takes the former where there are networks, axis views, and channels enough."""
    first_emphasis: float = 10.0
    """Factor of the point terms in first visits from the mean: pictures say little before there is a shape."""
    judge_every: int = 3
    """Every so many held-out views are rendered after the last visit, to measure forgetting."""

    @classmethod
    def tiny(cls) -> "ReplayConfig":
        """For tests."""
        photometric = PhotometricConfig(rays=128, pool=2048, beta=0.01, samples=8, reach=10.0)
        objective = ObjectiveConfig(photometric=photometric, points=256, surface_points=128, refresh_every=20)
        return cls(planes=PlanesConfig.tiny(), objective=objective, hidden=16, visits=2, steps=20, decoder_rate=5e-3)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "ReplayConfig":
        """From what `dataclasses.asdict` made."""
        objective = dict(stored["objective"])
        objective["photometric"] = PhotometricConfig(**objective["photometric"])
        nested = {"planes": PlanesConfig(**stored["planes"]), "objective": ObjectiveConfig(**objective)}
        return cls(**(stored | nested))

    def decoder(self) -> DecoderConfig:
        """The decoder's configuration."""
        return DecoderConfig(channels=self.planes.channels, hidden=self.hidden)
