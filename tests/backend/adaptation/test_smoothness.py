# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.adaptation.smoothness import high_frequency_share, multi_scale_variation


def test_a_ramp_varies_by_its_slope_at_every_scale() -> None:
    ramp = torch.arange(16.0).expand(1, 3, 2, 16, 16)
    # Reduced by s, neighbours differ by s.
    assert float(multi_scale_variation(ramp)) == pytest.approx(1 + 4 + 16 + 64)
    assert float(multi_scale_variation(torch.ones(1, 3, 2, 16, 16))) == 0


def test_it_sees_stripes_that_one_scale_misses() -> None:
    fine = torch.tensor([1.0, -1.0]).repeat(8).expand(1, 3, 1, 16, 16)
    assert float(multi_scale_variation(fine, (2, 4))) == 0 and float(multi_scale_variation(fine)) == 4
    assert high_frequency_share(fine) == pytest.approx(1)
    coarse = torch.cos(torch.arange(16) * 2 * torch.pi / 16).expand(1, 3, 1, 16, 16)
    assert high_frequency_share(coarse) == pytest.approx(0, abs=1e-12)
