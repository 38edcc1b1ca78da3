# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.models.principal import PrincipalPath


def gaussian(count: int) -> torch.Tensor:
    """Samples of a Gaussian with two strong directions among twelve."""
    generator = torch.Generator().manual_seed(0)
    deviation = torch.tensor([3.0, 2.0] + [0.1] * 10)
    samples = torch.randn(count, 12, generator=generator) * deviation
    return samples - samples.mean(0)


def test_untrained_path_is_the_posterior_mean_of_a_gaussian() -> None:
    data = gaussian(4000)
    path = PrincipalPath(2, 12, 4, 16)
    assert path.learn(data) > 0.98
    sigma = torch.full((4000, 1), 0.6)
    noisy = 0.8 * data + 0.6 * torch.randn(4000, 12)
    covariance = data.T @ data / len(data)
    gain = 0.8 * covariance @ torch.linalg.inv(0.64 * covariance + 0.36 * torch.eye(12))
    denoised = path(noisy, sigma, torch.zeros(4000, 4), torch.zeros(4000, 2), torch.ones(4000, 2))
    torch.testing.assert_close(denoised, noisy @ gain.T, atol=0.03, rtol=0.03)


def test_pure_noise_becomes_the_mean() -> None:
    path = PrincipalPath(2, 12, 4, 16)
    path.learn(gaussian(100))
    free = torch.zeros(3, 2), torch.ones(3, 2)
    assert path(torch.randn(3, 12), torch.ones(3, 1), torch.randn(3, 4), *free).abs().max() < 1e-6


def test_pure_noise_becomes_what_the_condition_suggests() -> None:
    path = PrincipalPath(2, 12, 4, 16)
    path.learn(gaussian(4000))
    expected = torch.tensor([[1.5, -0.5]])
    denoised = path(torch.randn(1, 12), torch.ones(1, 1), torch.zeros(1, 4), expected, torch.full((1, 2), 0.3))
    torch.testing.assert_close(path.coordinates(denoised), expected, atol=1e-4, rtol=1e-4)
