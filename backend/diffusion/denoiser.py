# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise, guidance and the loss of a network that predicts clean data."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from .schedule import ScheduleConfig, alpha_bar

Network = Callable[[Tensor, Tensor], Tensor]
"""(x, sigma) -> x0, where x = sqrt(1 - sigma²) x0 + sigma noise: knows nothing of schedules."""
Denoiser = Callable[[Tensor, Tensor], Tensor]
"""(x, u) -> x0."""
SMALLEST_VARIANCE = 0.02
"""Bounds the loss weight where there is hardly any noise left to predict."""


def diffuse(
    x0: Float[Tensor, "B C H W"], u: Float[Tensor, " B"], noise: Float[Tensor, "B C H W"], config: ScheduleConfig
) -> tuple[Float[Tensor, "B C H W"], Float[Tensor, " B"]]:
    """Noisy data and its noise level sigma at time u."""
    sigma = noise_level(u, config)
    scale = sigma[:, None, None, None]
    return (1 - scale.square()).clamp(min=0).sqrt() * x0 + scale * noise, sigma


def noise_level(u: Float[Tensor, " B"], config: ScheduleConfig) -> Float[Tensor, " B"]:
    """Standard deviation sigma of the noise at time u."""
    return (1 - alpha_bar(u, config)).clamp(min=0).sqrt().float()


def at_time(network: Network, config: ScheduleConfig) -> Denoiser:
    """A network of noise levels as a denoiser of times."""
    return lambda x, u: network(x, noise_level(u, config))


def guided(conditional: Network, unconditional: Network, scale: float) -> Network:
    """Classifier-free guidance (Ho and Salimans 2022): away from the unconditional prediction by `scale`."""

    def network(x: Tensor, sigma: Tensor) -> Tensor:
        free = unconditional(x, sigma)
        return free + scale * (conditional(x, sigma) - free)

    return network


def velocity_loss(
    predicted: Float[Tensor, "B C H W"],
    x0: Float[Tensor, "B C H W"],
    sigma: Float[Tensor, " B"],
    columns: Float[Tensor, " W"] | None = None,
) -> Float[Tensor, ""]:
    """Squared error of the velocity v = alpha noise - sigma x0 that x0 stands for (Salimans and Ho 2022): the error of
    x0 over sigma², bounded. `columns` weighs those of the picture."""
    weight = 1 / sigma.square().clamp(min=SMALLEST_VARIANCE)
    error = (predicted - x0).square()
    if columns is not None:
        error = columns * error
    return (weight * error.mean((1, 2, 3))).mean()


def draw_times(count: int, generator: torch.Generator) -> Float[Tensor, " B"]:
    """Evenly spread random times: less variance than independent ones (Kingma et al. 2021, appendix I)."""
    offset = torch.rand(1, generator=generator)
    return (offset + torch.arange(count) / count) % 1
