# SPDX-License-Identifier: GPL-3.0-or-later
"""Few-step solvers as generators: close one and the sampling is cancelled."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .schedule import ScheduleConfig, alpha_bar, log_snr


@dataclass(frozen=True, slots=True)
class Step:
    """State after one evaluation of the denoiser."""

    index: int
    """From 1."""
    count: int
    x: Tensor
    """The sample so far, at the next noise level."""
    x0: Tensor
    """The denoiser's present guess of the data."""


def times(count: int, start: float = 1.0) -> Tensor:
    """`count` + 1 times from `start` to 0, evenly spaced but for a shorter last step: there the log signal-to-noise
    ratio, in which the solver is accurate, changes fastest."""
    return torch.cat([start * torch.linspace(1, 0.6 / count, count), torch.zeros(1)])


@torch.inference_mode()
def dpm_solver(
    denoise: Callable[[Tensor, Tensor], Tensor], noise: Tensor, count: int, config: ScheduleConfig
) -> Iterator[Step]:
    """DPM-Solver++(2M), data prediction (Lu et al. 2022, Alg. 2), first order at both ends."""
    grid = times(count).to(noise.device)
    signal = alpha_bar(grid, config)
    alpha, sigma = signal.sqrt().float(), (1 - signal).sqrt().float()
    half_log_snr = log_snr(grid, config).float()
    x, previous = noise, None
    for k in range(count):
        x0 = denoise(x, grid[k].expand(len(x)))
        target = x0
        if previous is not None and k < count - 1:
            h, h_before = half_log_snr[k + 1] - half_log_snr[k], half_log_snr[k] - half_log_snr[k - 1]
            ratio = h_before / h
            target = (1 + 1 / (2 * ratio)) * x0 - 1 / (2 * ratio) * previous
        if k == count - 1:
            x = x0
        else:
            shrink = torch.exp(-(half_log_snr[k + 1] - half_log_snr[k]))
            x = sigma[k + 1] / sigma[k] * x + alpha[k + 1] * (1 - shrink) * target
        previous = x0
        yield Step(k + 1, count, x, x0)


@torch.inference_mode()
def ddim(
    denoise: Callable[[Tensor, Tensor], Tensor],
    noise: Tensor,
    count: int,
    config: ScheduleConfig,
    start: float = 1.0,
) -> Iterator[Step]:
    """Deterministic DDIM (Song et al. 2021, eq. 12): the plain first-order twin. From a time `start` below 1, `noise`
    is data under the noise of that time (Meng et al. 2022, SDEdit)."""
    grid = times(count, start).to(noise.device)
    signal = alpha_bar(grid, config)
    alpha, sigma = signal.sqrt().float(), (1 - signal).sqrt().float()
    x = noise
    for k in range(count):
        x0 = denoise(x, grid[k].expand(len(x)))
        x = x0 if k == count - 1 else alpha[k + 1] * x0 + sigma[k + 1] * (x - alpha[k] * x0) / sigma[k]
        yield Step(k + 1, count, x, x0)
