# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fitting claims do to planes: shrink and enlarge them, add noise, look at their spectrum."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def spectrum(planes: Float[Tensor, "*B R R"]) -> Float[Tensor, "R R"]:
    """Energy of each frequency, summed over planes and channels, the planes' means left out; as `torch.fft.fftfreq`
    orders them."""
    side = planes.shape[-1]
    power = torch.fft.fft2(planes.double()).abs().square().reshape(-1, side, side).sum(0)
    power[0, 0] = 0
    return power


def high_share(power: Float[Tensor, "R R"]) -> float:
    """Share of a spectrum's energy that lies above half the Nyquist frequency."""
    frequency = torch.fft.fftfreq(len(power), dtype=power.dtype)
    high = torch.hypot(frequency[:, None], frequency[None]) > 0.25
    return float(power[high].sum() / power.sum().clamp_min(1e-300))


def with_noise(planes: Tensor, log_snr: float, random: torch.Generator) -> Tensor:
    """Planes as a diffusion leaves them at the log signal-to-noise ratio λ = log(α²/σ²), divided by α so that the
    decoder meets the level it knows: y + s·e^(−λ/2)·noise, with s the planes' deviation."""
    noise = torch.randn(planes.shape, generator=random)
    return planes + planes.std() * math.exp(-log_snr / 2) * noise


def shrunk(planes: Float[Tensor, "3 C R R"], factor: int) -> Float[Tensor, "3 C R R"]:
    """Planes shrunk and enlarged again, bicubic both ways."""
    side = planes.shape[-1]
    small = functional.interpolate(planes, size=(side // factor,) * 2, mode="bicubic", antialias=True)
    return functional.interpolate(small, size=(side, side), mode="bicubic")
