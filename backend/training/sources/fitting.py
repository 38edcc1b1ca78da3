# SPDX-License-Identifier: GPL-3.0-or-later
"""One subject of a user as planes and a decoder of its own: first its points, then its pictures.

As stage 2 (`training.stage2`), but the decoder learns along, from the shipped one where sizes allow: a user's subject
has colours that no person of the studio has, and nobody else shares the decoder. Pictures alone first give a hull
(`hull`); of a mesh the distances are known and stay part of what is fitted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ...geometry.fields import TriplaneField
from ...geometry.triplane import Triplane
from ...models.decoder import DecoderConfig, FieldDecoder
from ..objective import ObjectiveConfig, Subject, losses
from ..photometric import PhotometricConfig
from ..replay_config import PlanesConfig
from ..starts import adapted_decoder, fresh_planes
from .hull import hull_samples
from .normalise import Source

Progress = Callable[[str, float], None]
"""Told what is being done and which share is behind; may raise to end it."""
COARSEST = 16
"""Fewest texels along a plane."""
COVERAGE = 0.5
"""Weight of coverage beside colour: outlines are all that says how large a subject of one colour is."""
POINT_WEIGHTS = {"sdf_weight": 20.0, "colour_weight": 2.0, "variation_weight": 0.02}
"""While points teach alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFitConfig:
    """How a user's subject is fitted."""

    planes: PlanesConfig = field(default_factory=lambda: PlanesConfig(resolution=128, channels=16))
    hidden: int = 64
    """Width of the decoder's hidden layers."""
    steps: int = 1500
    """Of all stages together."""
    rate: float = 0.02
    """Learning rate of the planes while points teach."""
    picture_rate: float = 2e-3
    """... and while pictures do: few texels are met in a step, and larger steps leave speckles."""
    decoder_rate: float = 2e-3
    rays: int = 2048
    """Rays per step."""
    pool: int = 65_536
    """Rays that are drawn from until the next look at where the surface is."""
    softness: tuple[float, float, float] = (0.010, 0.005, 0.003)
    """Widths of the surface while pictures teach, one after the other: a soft surface sees farther."""

    def decoder(self) -> DecoderConfig:
        """The decoder's configuration."""
        return DecoderConfig(channels=self.planes.channels, hidden=self.hidden)


@dataclass(frozen=True, slots=True)
class SourceFit:
    """A fitted subject."""

    field: TriplaneField
    steps: int
    seconds: float


def fit_source(
    source: Source,
    config: SourceFitConfig,
    *,
    known: FieldDecoder | None = None,
    seed: int = 0,
    device: torch.device | None = None,
    minutes: float | None = None,
    report: Progress = lambda stage, share: None,
) -> SourceFit:
    """Planes and decoder of a source; `known` is a decoder to begin with.

    With `minutes` every stage ends when its share of them is over, if its steps are not done before.
    """
    place = device or torch.device("cpu")
    random = torch.Generator().manual_seed(seed)
    begun = time.monotonic()
    report("first shape", 0.0)
    first = source.samples or hull_samples(source.train, np.random.default_rng(seed))
    decoder = adapted_decoder(known, config.decoder(), random).to(place)
    planes = fresh_planes(config.planes.channels, COARSEST, random)[None].to(place)
    done, end, behind = 0, 0.0, 0.0
    for stage in _stages(source, config):
        planes = _enlarged(planes, stage.resolution).requires_grad_(True)
        subject = Subject(stage.objective, source.train, first, place)
        optimiser = torch.optim.Adam(
            [
                {"params": [planes], "peak": stage.rate},
                {"params": list(decoder.parameters()), "peak": config.decoder_rate},
            ],
            betas=(0.9, 0.99),
        )
        end, step = end + stage.share, 0
        while (behind := _behind(done / config.steps, begun, minutes)) < end - 1e-9:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * (1 - 0.99 * behind)
            if step % stage.objective.refresh_every == 0:
                subject.refresh(planes.detach()[0], decoder, random)
            terms = losses(planes, decoder, [subject], stage.objective, random)
            optimiser.zero_grad(set_to_none=True)
            torch.stack(list(terms.values())).sum().backward()
            optimiser.step()
            if step % 10 == 0:
                report(stage.name, behind)
            done, step = done + 1, step + 1
    decoder.eval().requires_grad_(False)
    fitted = TriplaneField(Triplane(planes.detach().cpu()), decoder.cpu())
    return SourceFit(fitted, done, time.monotonic() - begun)


@dataclass(frozen=True, slots=True)
class _Stage:
    """A share of the steps with one teacher and one size of planes."""

    name: str
    objective: ObjectiveConfig
    resolution: int
    rate: float
    share: float


def _stages(source: Source, config: SourceFitConfig) -> list[_Stage]:
    """From few texels to many, so that what no sample touches is smooth; from soft surfaces to sharp ones."""
    full = config.planes.resolution
    points = ObjectiveConfig(supervision="points", points=6000, surface_points=4000, **POINT_WEIGHTS)
    pictures = ObjectiveConfig(supervision="views", variation_weight=0.02)
    if source.samples is not None:  # the shape is known: pictures only sharpen what is seen of it
        pictures = ObjectiveConfig(
            supervision="both", points=4000, surface_points=2000, sdf_weight=5.0, colour_weight=0.5,
            variation_weight=0.02,
        )  # fmt: skip
    rays = PhotometricConfig(rays=config.rays, pool=config.pool, coverage_weight=COVERAGE)
    soft, medium, sharp = (replace(pictures, photometric=replace(rays, beta=beta)) for beta in config.softness)
    half, quarter = max(COARSEST, full // 2), max(COARSEST, full // 4)
    if source.samples is None:
        return [
            _Stage("first shape", points, quarter, config.rate, 0.2),
            _Stage("pictures", soft, half, config.picture_rate, 0.2),
            _Stage("pictures", medium, full, config.picture_rate, 0.2),
            _Stage("pictures", sharp, full, config.picture_rate, 0.4),
        ]
    return [
        _Stage("shape", points, quarter, config.rate, 0.15),
        _Stage("shape", points, full, config.rate / 2, 0.3),
        _Stage("pictures", sharp, full, config.picture_rate, 0.55),
    ]


def _enlarged(planes: Float[Tensor, "1 3 C K K"], resolution: int) -> Float[Tensor, "1 3 C R R"]:
    if planes.shape[-1] == resolution:
        return planes.detach().clone()
    larger = functional.interpolate(planes.detach()[0], size=(resolution, resolution), mode="bicubic")
    return larger[None]


def _behind(share: float, begun: float, minutes: float | None) -> float:
    if minutes is None:
        return share
    return max(share, (time.monotonic() - begun) / (60 * minutes))
