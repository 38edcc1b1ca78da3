# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise schedules alpha_bar(u): RodinHD's (section 3.2; Chen 2023, "On the importance of noise scheduling"), and the
linear one that they are measured against (Ho et al. 2020)."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

SMALLEST = 1e-9
"""Floor of alpha_bar: its logarithm must stay finite at u = 1."""
LINEAR_BETAS = (1e-4, 0.02, 1000)
"""First and last variance added by a step, and the number of steps, of the linear schedule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleConfig:
    """alpha_bar(u) = (v(1) - v(u)) / (v(1) - v(0)) with v(u) = f(u (end - start) + start)."""

    kind: Literal["cosine", "sigmoid", "linear"] = "cosine"
    """f(x) = cos^(2 tau)(pi x / 2) or logistic(x / tau); linear: the product of 1 - beta over `LINEAR_BETAS`, which has
    none of the numbers below."""
    start: float = 0.0
    end: float = 1.0
    tau: float = 1.0

    @classmethod
    def rodinhd_base(cls) -> "ScheduleConfig":
        """Strong noise for 128² planes."""
        return cls(kind="cosine", start=0.2, end=1.0, tau=3.0)

    @classmethod
    def rodinhd_upsampler(cls) -> "ScheduleConfig":
        """Steeper still, for 512² planes."""
        return cls(kind="sigmoid", start=0.0, end=3.0, tau=0.1)


def alpha_bar(u: Float[Tensor, "*B"], config: ScheduleConfig) -> Float[Tensor, "*B"]:
    """Share of signal variance at time u, float64, from 1 at u = 0 to (almost) 0 at u = 1."""
    if config.kind == "linear":
        return _linear(u.double())
    first, last = (_ramp(u.new_tensor(edge, dtype=torch.float64), config) for edge in (0.0, 1.0))
    return ((last - _ramp(u.double(), config)) / (last - first)).clamp(SMALLEST, 1.0)


def log_snr(u: Float[Tensor, "*B"], config: ScheduleConfig) -> Float[Tensor, "*B"]:
    """Half the log signal-to-noise ratio, log(alpha / sigma): the solver's own time."""
    signal = alpha_bar(u, config).clamp(max=1 - 1e-7)
    return 0.5 * (signal.log() - (-signal).log1p())


def _ramp(u: Tensor, config: ScheduleConfig) -> Tensor:
    x = u * (config.end - config.start) + config.start
    if config.kind == "cosine":
        return torch.cos(math.pi / 2 * x).clamp(min=0) ** (2 * config.tau)
    return torch.sigmoid(x / config.tau)


def _linear(u: Tensor) -> Tensor:
    """Log alpha_bar straight between the steps."""
    first, last, count = LINEAR_BETAS
    steps = torch.log1p(-torch.linspace(first, last, count, dtype=torch.float64, device=u.device)).cumsum(0)
    log = torch.cat([steps.new_zeros(1), steps])
    below = (u * count).floor().clamp(0, count - 1).long()
    return torch.lerp(log[below], log[below + 1], u * count - below).exp()
