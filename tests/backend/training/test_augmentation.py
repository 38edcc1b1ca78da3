# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.training.augmentation import AugmentationConfig, blurred, worn

QUIET = AugmentationConfig(blur=0.0, noisy=(0.0, 0.0))


def planes(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 4, 32, 96, generator=torch.Generator().manual_seed(seed)).clamp(-1, 1)


def test_worn_planes_are_small_random_and_repeatable() -> None:
    first, again, other = (
        worn(planes(), 8, AugmentationConfig(), torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert first.shape == (2, 4, 8, 24)
    assert torch.equal(first, again) and not torch.allclose(first, other)


def test_what_is_constant_stays_without_noise_plane_by_plane() -> None:
    flat = torch.cat([torch.full((1, 4, 32, 32), value) for value in (-0.5, 0.0, 0.5)], -1)
    for seed in range(4):
        config = AugmentationConfig(blur=1.0, noisy=(0.0, 0.0))
        small = worn(flat, 8, config, torch.Generator().manual_seed(seed))
        for value, plane in zip((-0.5, 0.0, 0.5), small.chunk(3, -1), strict=True):
            torch.testing.assert_close(plane, torch.full_like(plane, value), atol=1e-5, rtol=0)


def test_noise_is_of_each_channel_or_shared() -> None:
    still = torch.zeros(1, 4, 32, 96)
    for noisy, alike in (((1.0, 0.0), False), ((0.0, 1.0), True)):
        config = AugmentationConfig(blur=0.0, noisy=noisy, noise=(0.1, 0.1))
        small = worn(still, 16, config, torch.Generator().manual_seed(0))
        assert small.std() > 0.005
        assert torch.allclose(small[:, 0], small[:, 1]) == alike


def test_blur_has_the_variance_of_its_gaussian_along_its_own_axes() -> None:
    spot = torch.zeros(1, 1, 33, 99)
    spot[..., 16, 16] = 1
    spread = blurred(spot, 3.0, 1.0, 0.0)[0, 0, :, :33]
    place = torch.arange(33.0) - 16
    assert spread.sum().item() == pytest.approx(1, abs=1e-5)
    assert (spread.sum(0) * place**2).sum().item() == pytest.approx(9, rel=0.05)  # columns are x
    assert (spread.sum(1) * place**2).sum().item() == pytest.approx(1, rel=0.05)
    turned = blurred(spot, 3.0, 1.0, torch.pi / 2)[0, 0, :, :33]
    torch.testing.assert_close(turned, spread.T, atol=1e-6, rtol=1e-4)


def test_quiet_augmentation_only_shrinks() -> None:
    ramp = torch.linspace(-1, 1, 32).view(1, 1, 32, 1).expand(1, 2, 32, 96)
    small = worn(ramp, 8, QUIET, torch.Generator().manual_seed(3))
    assert (small.diff(dim=2) > 0).all() and small.diff(dim=3).abs().max() < 1e-4
