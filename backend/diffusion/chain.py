# SPDX-License-Identifier: GPL-3.0-or-later
"""Diffusion as a chain of discrete steps: betas, posteriors, learned variances and their bound, ancestral sampling.

Ho et al. 2020; Nichol and Dhariwal 2021. Steps count from 0 (nearly clean) to T - 1 (noise). Networks are conditioned
on the noise level, not on the step, so a chain of fewer steps asks the same network.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .samplers import Step
from .schedule import ScheduleConfig, alpha_bar

LARGEST_BETA = 0.999
LEVEL = 1 / 255
"""Half the width of the bins in which the bound measures the last step, for data in [-1, 1]."""
Model = Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]
"""(x, sigma) -> x0, and the share of the log variance between the smallest and the largest, or None."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps x_t ~ N(sqrt(1 - beta_t) x_(t-1), beta_t), float64."""

    betas: Float[Tensor, " T"]

    @classmethod
    def of(cls, schedule: ScheduleConfig, count: int) -> "Chain":
        """So many even steps of a schedule: beta_i = min(1 - alpha_bar((i + 1) / T) / alpha_bar(i / T), 0.999)."""
        signal = alpha_bar(torch.linspace(0, 1, count + 1, dtype=torch.float64), schedule)
        return cls((1 - signal[1:] / signal[:-1]).clamp(1e-12, LARGEST_BETA))

    def respaced(self, count: int) -> "Chain":
        """A chain of fewer steps through the same noise levels, the first and the last among them."""
        kept = torch.linspace(0, len(self.betas) - 1, count).round().long().unique()
        signal = self.signal[kept]
        before = torch.cat([signal.new_ones(1), signal[:-1]])
        return Chain((1 - signal / before).clamp(1e-12, 1 - 1e-9))

    @property
    def signal(self) -> Float[Tensor, " T"]:
        """alpha_bar after each step."""
        return (1 - self.betas).cumprod(0)

    @property
    def signal_before(self) -> Float[Tensor, " T"]:
        """alpha_bar before each step."""
        signal = self.signal
        return torch.cat([signal.new_ones(1), signal[:-1]])

    def sigma(self, t: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Noise level after step t."""
        return (1 - self.signal[t]).sqrt().float()

    def diffuse(
        self, x0: Float[Tensor, "B C H W"], t: Int[Tensor, " B"], noise: Float[Tensor, "B C H W"]
    ) -> Float[Tensor, "B C H W"]:
        """Data after step t."""
        signal = self.signal[t]
        return _wide(signal.sqrt(), x0) * x0 + _wide((1 - signal).sqrt(), x0) * noise

    def posterior(
        self, x0: Float[Tensor, "B C H W"], x: Float[Tensor, "B C H W"], t: Int[Tensor, " B"]
    ) -> Float[Tensor, "B C H W"]:
        """Mean of x_(t-1) given x_t and x_0 (Ho et al., eq. 7)."""
        beta, signal, before = self.betas[t], self.signal[t], self.signal_before[t]
        clean, noisy = beta * before.sqrt() / (1 - signal), (1 - before) * (1 - beta).sqrt() / (1 - signal)
        return _wide(clean, x) * x0 + _wide(noisy, x) * x

    def log_variance(
        self, t: Int[Tensor, " B"], like: Float[Tensor, "B C H W"], share: Float[Tensor, "B C H W"] | None = None
    ) -> Float[Tensor, "B C H W"]:
        """Of x_(t-1): the posterior's where `share` is None or 0, log beta_t where it is 1, between by the share."""
        smallest = self.betas * (1 - self.signal_before) / (1 - self.signal)
        if len(smallest) > 1:  # the first one is zero: its logarithm is taken from the next
            smallest = torch.cat([smallest[1:2], smallest[1:]])
        low = _wide(smallest.clamp(min=1e-20).log()[t], like)
        if share is None:
            return low.expand_as(like)
        return low + share * (_wide(self.betas.log()[t], like) - low)

    def bound(
        self,
        x0: Float[Tensor, "B C H W"],
        x: Float[Tensor, "B C H W"],
        t: Int[Tensor, " B"],
        guess: Float[Tensor, "B C H W"],
        share: Float[Tensor, "B C H W"],
    ) -> Float[Tensor, " B"]:
        """One term of the variational bound, bits per number (Nichol and Dhariwal, eqs. 4 to 6): it teaches the
        variance; the mean, from `guess` of x0, gets no gradient. Data lie in [-1, 1] for the first step's term."""
        mean = self.posterior(guess.detach(), x, t)
        spread = self.log_variance(t, x, share)
        truth = self.posterior(x0, x, t)
        low = self.log_variance(t, x)
        kl = 0.5 * (spread - low - 1 + (low - spread).exp() + (truth - mean).square() * (-spread).exp())
        likelihood = -binned_log_likelihood(x0, mean, 0.5 * spread)
        nats = torch.where((t == 0).to(x.device)[:, None, None, None], likelihood, kl)
        return nats.mean((1, 2, 3)) / math.log(2)


def binned_log_likelihood(
    x0: Float[Tensor, "B C H W"], mean: Float[Tensor, "B C H W"], log_deviation: Float[Tensor, "B C H W"]
) -> Float[Tensor, "B C H W"]:
    """Log probability of the bin around x0 under a Gaussian; the outermost bins reach to infinity."""
    scale = torch.exp(-log_deviation)
    above = torch.special.ndtr((x0 - mean + LEVEL) * scale)
    below = torch.special.ndtr((x0 - mean - LEVEL) * scale)
    above = torch.where(x0 > 1 - LEVEL, torch.ones_like(above), above)
    below = torch.where(x0 < LEVEL - 1, torch.zeros_like(below), below)
    return (above - below).clamp(min=1e-12).log()


@torch.inference_mode()
def ancestral(
    model: Model, noise: Tensor, chain: Chain, random: torch.Generator, clamp: float | None = None
) -> Iterator[Step]:
    """From noise to data by the chain's own steps (Ho et al. 2020, Alg. 2); with the posterior's variance this is DDIM
    at eta = 1. `clamp` bounds the guess of the data."""
    x, count = noise, len(chain.betas)
    for index in range(count):
        t = torch.full((len(x),), count - 1 - index)
        x0, share = model(x, chain.sigma(t).to(x.device))
        if clamp is not None:
            x0 = x0.clamp(-clamp, clamp)
        if index == count - 1:
            x = x0
        else:
            fresh = torch.randn(x.shape, generator=random).to(x.device)
            x = chain.posterior(x0, x, t) + (0.5 * chain.log_variance(t, x, share)).exp() * fresh
        yield Step(index + 1, count, x, x0)


def _wide(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like.device, torch.float32)[:, None, None, None]
