# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.training.gan_shared import smoothed


def test_noise_goes_and_what_is_wide_stays() -> None:
    flat = torch.full((1, 3, 2, 16, 16), 0.7)
    torch.testing.assert_close(smoothed(flat), flat)
    noise = torch.randn(1, 3, 2, 32, 32, generator=torch.Generator().manual_seed(0))
    # White noise keeps the sum of the squared weights of its variance: 1 / (4 pi) for a deviation of one texel.
    assert abs(float(smoothed(noise).var()) - 1 / (4 * torch.pi)) < 0.02
    wide = torch.zeros(1, 3, 1, 32, 32)
    wide[..., 11:21, 11:21] = 1
    assert float(smoothed(wide)[0, 0, 0, 16, 16]) > 0.99
    one = torch.zeros(2, 3, 1, 9, 9)
    one[1, 2, 0, 4, 4] = 1
    found = smoothed(one)
    assert float(found[1, 2].sum()) > 0.999 and found[0].abs().max() == 0 and found[1, :2].abs().max() == 0
    torch.testing.assert_close(found[1, 2, 0], found[1, 2, 0].T)
