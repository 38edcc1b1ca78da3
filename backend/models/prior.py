# SPDX-License-Identifier: GPL-3.0-or-later
"""A diffusion model over people as vectors: seeds become people, and a sentence one of the many whom it fits.

Follows the diffusion prior of Ramesh et al. 2022 (section 2.2), with a small network on vectors instead of tokens. A
person is drawn whole: z and the principal components of their latent together, because the mean of everybody whom a z
fits looks like nobody.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .embedding import normalised
from .layers import timestep_features

RIDGE = 0.02
"""Variance that is taken for noise where sentences are regressed on."""
SMALLEST_VARIANCE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorConfig:
    """Sizes of the prior."""

    z: int = 256
    """Numbers of z, and of what a sentence says."""
    components: int = 128
    """Principal components of the latent."""
    width: int = 256
    blocks: int = 2
    moment_features: int = 64
    dropout: float = 0.0

    @property
    def size(self) -> int:
        """Numbers of a person."""
        return self.z + self.components

    @classmethod
    def tiny(cls) -> "PriorConfig":
        """For tests."""
        return cls(z=32, components=4, width=32, blocks=1, moment_features=16, dropout=0.0)

    @classmethod
    def from_json(cls, stored: Mapping) -> "PriorConfig":
        """Rebuild from what `to_json` gave."""
        return cls(**stored)

    def to_json(self) -> dict:
        """As plain JSON."""
        return asdict(self)


class Drawn(NamedTuple):
    """People as the prior draws them."""

    z: Float[Tensor, "B Z"]
    """RMS 1."""
    components: Float[Tensor, "B K"]
    """Of the latent, in their deviations."""


class LatentPrior(nn.Module):
    """Clean people from noisy ones, given the z of a sentence or nothing. A person P is z and components, in a row.

    Noise is told by an angle: noisy = cos(angle) person + sin(angle) noise, from 0 (clean) to pi/2 (noise). The answer
    is the exact one for a Gaussian, whose mean a sentence moves along its linear regression, and what the network adds
    to it.
    """

    mean: Tensor
    deviation: Tensor
    told_map: Tensor
    told_mean: Tensor
    bases: Tensor
    variances: Tensor

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(config.size))
        self.register_buffer("deviation", torch.ones(()))
        self.register_buffer("told_map", torch.zeros(config.z, config.size))
        self.register_buffer("told_mean", torch.zeros(config.z))
        # Axes and variances of everybody, and of whom a sentence leaves open.
        self.register_buffer("bases", torch.eye(config.size).repeat(2, 1, 1))
        self.register_buffer("variances", torch.ones(2, config.size))
        self.enter = nn.Linear(config.size, config.width)
        self.moment = nn.Sequential(nn.Linear(config.moment_features, config.width), nn.SiLU())
        self.told = nn.Linear(config.z, config.width)
        self.untold = nn.Parameter(torch.zeros(config.width))
        self.blocks = nn.ModuleList(_Block(config.width, config.dropout) for _ in range(config.blocks))
        self.norm, self.out = nn.LayerNorm(config.width), nn.Linear(config.width, config.size)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    @torch.no_grad()
    def learn(self, people: Float[Tensor, "N P"], text: Float[Tensor, "N Z"]) -> float:
        """Set the Gaussians from people and the z of sentences about them; returns the share of variance that sentences
        explain."""
        self.mean.copy_(people.mean(0))
        self.deviation.copy_((people - self.mean).std())
        clean = (people - self.mean) / self.deviation
        self.told_mean.copy_(text.mean(0))
        told = text - self.told_mean
        ridge = RIDGE * len(told) * torch.eye(told.shape[1], device=told.device)
        self.told_map.copy_(torch.linalg.solve(told.T @ told + ridge, told.T @ clean))
        open_part = clean - told @ self.told_map
        for k, values in enumerate((clean, open_part)):
            spectrum, axes = torch.linalg.eigh(values.T @ values / len(values))
            self.bases[k], self.variances[k] = axes.T, spectrum.clamp(min=SMALLEST_VARIANCE)
        return float(1 - open_part.square().mean() / clean.square().mean())

    def forward(
        self,
        noisy: Float[Tensor, "B P"],
        angle: Float[Tensor, " B"],
        text: Float[Tensor, "B Z"] | None = None,
        dropped: Tensor | None = None,
    ) -> Float[Tensor, "B P"]:
        """Standardised clean people; where `dropped` [B] is true, the sentence is not looked at.

        Without noise the answer is `noisy` itself, whatever the network adds.
        """
        known = self._posterior(noisy, angle, None)
        told = self.untold.expand(len(noisy), -1)
        if text is not None:
            everyone = torch.ones(len(noisy), 1, dtype=torch.bool, device=noisy.device)
            looked = everyone if dropped is None else ~dropped[:, None]
            known = torch.where(looked, self._posterior(noisy, angle, text), known)
            told = torch.where(looked, self.told(text), told)
        condition = self.moment(timestep_features(angle * 2 / math.pi, self.config.moment_features)) + told
        hidden = self.enter(noisy)
        for block in self.blocks:
            hidden = block(hidden, condition)
        return known + angle.sin()[:, None] * self.out(self.norm(hidden)).float()

    @torch.inference_mode()
    def sample(
        self,
        noise: Float[Tensor, "B P"],
        text: Float[Tensor, "B Z"] | None = None,
        steps: int = 24,
        guidance: float = 1.0,
    ) -> Drawn:
        """People from noise, as they come or whom the sentences fit; deterministic.

        Second-order multistep in the angle (Lu et al. 2022, Alg. 2, as the angle's own expansion); guidance as Ho and
        Salimans 2022.
        """
        angles = torch.linspace(math.pi / 2, 0, steps + 1, device=noise.device)
        x, before = noise, None
        for k in range(steps):
            now, then = angles[k], angles[k + 1]
            clean = self._guided(x, now.expand(len(x)), text, guidance)
            guess = clean if before is None or k == steps - 1 else 1.5 * clean - 0.5 * before
            error = (x - now.cos() * guess) / now.sin()
            x = then.cos() * guess + then.sin() * error
            before = clean
        return self.parted(x * self.deviation + self.mean)

    def parted(self, people: Float[Tensor, "B P"]) -> Drawn:
        """People as z and components."""
        z, components = people.split((self.config.z, self.config.components), 1)
        return Drawn(normalised(z), components)

    def _posterior(self, noisy: Tensor, angle: Tensor, text: Tensor | None) -> Tensor:
        """Mean of a Gaussian's clean vectors, given their noisy ones."""
        told = text is not None
        mean = (text - self.told_mean) @ self.told_map if text is not None else torch.zeros_like(noisy)
        basis, variance = self.bases[int(told)], self.variances[int(told)]
        cosine, sine = angle.cos()[:, None], angle.sin()[:, None]
        gain = cosine * variance / (cosine.square() * variance + sine.square())
        return mean + (gain * ((noisy - cosine * mean) @ basis.T)) @ basis

    def _guided(self, x: Tensor, angle: Tensor, text: Tensor | None, guidance: float) -> Tensor:
        clean = self(x, angle, text)
        if text is None or guidance == 1.0:
            return clean
        free = self(x, angle)
        return free + guidance * (clean - free)


class _Block(nn.Module):
    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = nn.Linear(width, 3 * width)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)
        self.widen, self.drop, self.narrow = (
            nn.Linear(width, 2 * width),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )

    def forward(self, hidden: Float[Tensor, "B W"], condition: Float[Tensor, "B W"]) -> Float[Tensor, "B W"]:
        shift, scale, gate = self.modulate(functional.silu(condition)).chunk(3, 1)
        inner = self.norm(hidden) * (1 + scale) + shift
        return hidden + (1 + gate) * self.narrow(self.drop(functional.silu(self.widen(inner))))
