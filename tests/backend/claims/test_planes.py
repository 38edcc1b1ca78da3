# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest
import torch

from backend.claims.planes import high_share, shrunk, spectrum, with_noise


def wave(cycles: float, side: int = 32) -> torch.Tensor:
    """A plane of one frequency along its columns, with a mean."""
    across = torch.arange(side, dtype=torch.float64) / side
    return (2 + torch.sin(2 * math.pi * cycles * across)).expand(3, 2, side, side)


def test_a_wave_lies_on_its_side_of_half_nyquist() -> None:
    # Nyquist is 16 cycles over 32 samples.
    assert high_share(spectrum(wave(7))) == pytest.approx(0, abs=1e-9)
    assert high_share(spectrum(wave(9))) == pytest.approx(1)
    both = wave(4) + 0.5 * wave(12)
    assert high_share(spectrum(both)) == pytest.approx(0.25 / 1.25)


def test_energy_is_that_of_parseval() -> None:
    planes = torch.randn(3, 4, 16, 16)
    variance = (planes - planes.mean((-1, -2), keepdim=True)).double().square().sum()
    total = spectrum(planes).sum() / 16**2
    assert float(total) == pytest.approx(float(variance), rel=1e-6)


def test_flat_planes_have_no_high_share() -> None:
    assert high_share(spectrum(torch.ones(3, 2, 8, 8))) == 0


def test_noise_has_the_asked_ratio() -> None:
    planes = 3 * torch.randn(3, 8, 64, 64)
    noised = with_noise(planes, 0.57, torch.Generator().manual_seed(0))
    ratio = planes.var() / (noised - planes).var()
    assert math.log(float(ratio)) == pytest.approx(0.57, abs=0.02)
    again = with_noise(planes, 0.57, torch.Generator().manual_seed(0))
    assert torch.equal(noised, again)


def test_shrinking_keeps_low_frequencies_alone() -> None:
    low, high = wave(1).float(), wave(12).float()
    inner = (..., slice(4, -4))
    assert (shrunk(low, 4) - low)[inner].abs().max() < 0.15
    assert (shrunk(high, 4) - 2)[inner].abs().max() < 0.15
    assert shrunk(low, 4).shape == low.shape
