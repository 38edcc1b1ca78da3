# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network predicts, and the loss that trains it."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from .schedule import ScheduleConfig, alpha_bar

Network = Callable[[Tensor, Tensor], Tensor]
"""(x_u, u) -> v."""


def diffuse(
    x0: Float[Tensor, "B C H W"], u: Float[Tensor, " B"], noise: Float[Tensor, "B C H W"], config: ScheduleConfig
) -> tuple[Tensor, Tensor]:
    """Noisy data x_u and the velocity v = alpha noise - sigma x0 (Salimans and Ho 2022, section 4)."""
    alpha, sigma = _scales(u, config)
    return alpha * x0 + sigma * noise, alpha * noise - sigma * x0


def x0_from_v(network: Network, config: ScheduleConfig) -> Callable[[Tensor, Tensor], Tensor]:
    """A velocity network as a denoiser."""

    def denoise(x: Tensor, u: Tensor) -> Tensor:
        alpha, sigma = _scales(u, config)
        return alpha * x - sigma * network(x, u)

    return denoise


def _scales(u: Tensor, config: ScheduleConfig) -> tuple[Tensor, Tensor]:
    signal = alpha_bar(u, config)[:, None, None, None]
    return signal.sqrt().float(), (1 - signal).sqrt().float()


def guided(conditional: Network, unconditional: Network, scale: float) -> Network:
    """Classifier-free guidance (Ho and Salimans 2022): away from the unconditional prediction by `scale`."""

    def network(x: Tensor, u: Tensor) -> Tensor:
        free = unconditional(x, u)
        return free + scale * (conditional(x, u) - free)

    return network


def draw_times(count: int, generator: torch.Generator) -> Float[Tensor, " B"]:
    """Evenly spread random times: less variance than independent ones (Kingma et al. 2021, appendix I)."""
    offset = torch.rand(1, generator=generator)
    return (offset + torch.arange(count) / count) % 1
