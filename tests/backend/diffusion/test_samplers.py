# SPDX-License-Identifier: GPL-3.0-or-later
"""Data is a Gaussian, so the ideal denoiser is known and a good sampler must give back that Gaussian."""

import pytest
import torch
from torch import Tensor

from backend.diffusion.denoiser import at_time, diffuse, draw_times, guided, noise_level, velocity_loss
from backend.diffusion.samplers import ddim, dpm_solver
from backend.diffusion.schedule import ScheduleConfig, alpha_bar

SCHEDULE = ScheduleConfig()
MEAN, DEVIATION = 0.7, 0.4


def ideal(x: Tensor, u: Tensor) -> Tensor:
    """E[x0 | x] for x0 ~ N(MEAN, DEVIATION²)."""
    signal = alpha_bar(u, SCHEDULE)[:, None, None, None].float()
    gain = signal.sqrt() * DEVIATION**2 / (signal * DEVIATION**2 + 1 - signal)
    return MEAN + gain * (x - signal.sqrt() * MEAN)


@pytest.mark.parametrize(("sampler", "steps", "tolerance"), [(dpm_solver, 12, 0.02), (ddim, 60, 0.02)])
def test_samples_have_the_right_moments(sampler, steps: int, tolerance: float) -> None:
    noise = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    last = list(sampler(ideal, noise, steps, SCHEDULE))[-1]
    assert abs(last.x.mean() - MEAN) < tolerance and abs(last.x.std() - DEVIATION) < tolerance
    assert (last.index, last.count) == (steps, steps)


def test_second_order_beats_first_at_equal_steps() -> None:
    noise = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    exact = list(ddim(ideal, noise, 2000, SCHEDULE))[-1].x
    error = {s: (list(s(ideal, noise, 12, SCHEDULE))[-1].x - exact).abs().mean() for s in (ddim, dpm_solver)}
    assert error[dpm_solver] < 0.5 * error[ddim]


def test_sampling_may_begin_with_data_under_some_noise() -> None:
    """From the right marginal at a later time the right data come out, whatever that time is."""
    x0 = MEAN + DEVIATION * torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(1))
    noisy, _ = diffuse(x0, torch.tensor([0.3]), noise, SCHEDULE)
    last = list(ddim(ideal, noisy, 30, SCHEDULE, 0.3))[-1]
    assert abs(last.x.mean() - MEAN) < 0.02 and abs(last.x.std() - DEVIATION) < 0.02
    assert (last.x - x0).abs().mean() < (noisy - x0).abs().mean()


def test_loss_is_the_error_of_the_velocity() -> None:
    generator = torch.Generator().manual_seed(0)
    x0, guess, noise = torch.randn(3, 2, 3, 4, 4, generator=generator)
    x, sigma = diffuse(x0, torch.tensor([0.3, 0.8]), noise, SCHEDULE)
    scale = sigma[:, None, None, None]
    alpha = (1 - scale.square()).sqrt()
    velocity = lambda clean: alpha * (x - alpha * clean) / scale - scale * clean  # noqa: E731
    wanted = (velocity(guess) - velocity(x0)).square().mean()
    torch.testing.assert_close(velocity_loss(guess, x0, sigma), wanted, atol=1e-5, rtol=1e-4)


def test_networks_see_noise_levels_not_times() -> None:
    seen = []
    at_time(lambda x, sigma: seen.append(sigma) or x, SCHEDULE)(torch.zeros(2), torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(seen[0], noise_level(torch.tensor([0.0, 1.0]), SCHEDULE))
    torch.testing.assert_close(seen[0], torch.tensor([0.0, 1.0]))


def test_guidance_extrapolates() -> None:
    one, three = (lambda x, u: x * 0 + 1), (lambda x, u: x * 0 + 3)
    assert guided(three, one, 1.5)(torch.zeros(1), torch.zeros(1)) == 4


def test_times_cover_the_unit_interval() -> None:
    times = draw_times(16, torch.Generator().manual_seed(0)).sort().values
    assert (times >= 0).all() and (times < 1).all() and times.diff().max() < 1 / 16 + 1e-6
