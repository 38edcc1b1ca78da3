# SPDX-License-Identifier: GPL-3.0-or-later
"""Total variation of learned planes at several scales (Lei et al. 2023): what score distillation writes into free
planes is noisy, and at one scale alone the noise only moves to another."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..training.losses import total_variation

SCALES = (1, 2, 4, 8)
"""By which planes are reduced; all count the same. The paper does not say which it took."""


def multi_scale_variation(planes: Float[Tensor, "B 3 C R R"], scales: tuple[int, ...] = SCALES) -> Float[Tensor, ""]:
    """Sum over scales of the mean squared difference between neighbours."""
    flat = planes.flatten(0, 1)
    reduced = [functional.avg_pool2d(flat, scale).unflatten(0, planes.shape[:2]) for scale in scales]
    return torch.stack([total_variation(each) for each in reduced]).sum()


@torch.no_grad()
def high_frequency_share(planes: Float[Tensor, "B 3 C R R"]) -> float:
    """Share of the planes' energy above half the Nyquist frequency, the mean apart; 0 for planes without any."""
    centred = planes - planes.mean((-2, -1), keepdim=True)
    power = torch.fft.fft2(centred.double()).abs().square()
    away = torch.fft.fftfreq(planes.shape[-1], device=planes.device).abs()
    high = torch.maximum(away[:, None], away[None]) > 0.25
    return float(power[..., high].sum() / power.sum().clamp_min(1e-30))
