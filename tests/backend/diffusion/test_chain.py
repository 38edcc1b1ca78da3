# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest
import torch
from torch import Tensor

from backend.diffusion.chain import LEVEL, Chain, Model, ancestral, binned_log_likelihood
from backend.diffusion.schedule import ScheduleConfig, alpha_bar

MEAN, DEVIATION = 0.3, 0.2


def ideal(x: Tensor, sigma: Tensor) -> tuple[Tensor, None]:
    """E[x0 | x] for x0 ~ N(MEAN, DEVIATION²)."""
    noise = sigma.square()[:, None, None, None]
    alpha = (1 - noise).sqrt()
    return MEAN + alpha * DEVIATION**2 / (alpha**2 * DEVIATION**2 + noise) * (x - alpha * MEAN), None


@pytest.mark.parametrize(
    ("schedule", "count"),
    [(ScheduleConfig.rodinhd_base(), 1000), (ScheduleConfig.rodinhd_upsampler(), 100), (ScheduleConfig(), 50)],
)
def test_a_chain_follows_its_schedule(schedule: ScheduleConfig, count: int) -> None:
    chain = Chain.of(schedule, count)
    assert (chain.betas > 0).all() and (chain.betas <= 0.999).all()
    u = (torch.arange(count // 2, dtype=torch.float64) + 1) / count
    torch.testing.assert_close(chain.signal[: count // 2], alpha_bar(u, schedule), rtol=1e-6, atol=1e-8)


def test_the_linear_chain_is_the_published_one() -> None:
    betas = Chain.of(ScheduleConfig(kind="linear"), 1000).betas
    torch.testing.assert_close(betas, torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), rtol=1e-6, atol=1e-12)


def test_fewer_steps_pass_through_the_same_levels() -> None:
    chain = Chain.of(ScheduleConfig.rodinhd_base(), 1000)
    short = chain.respaced(10)
    assert len(short.betas) == 10
    torch.testing.assert_close(short.signal[[0, -1]], chain.signal[[0, -1]], rtol=1e-4, atol=1e-15)


def test_the_posterior_is_that_of_bayes() -> None:
    chain = Chain.of(ScheduleConfig(), 20)
    t = torch.tensor([7])
    x0, x = torch.tensor([[[[0.4]]]]), torch.tensor([[[[-0.2]]]])
    beta, before = float(chain.betas[7]), float(chain.signal_before[7])
    precision = 1 / (1 - before) + (1 - beta) / beta  # of q(x_(t-1) | x_0) times q(x_t | x_(t-1))
    mean = (before**0.5 * 0.4 / (1 - before) + (1 - beta) ** 0.5 * -0.2 / beta) / precision
    assert float(chain.posterior(x0, x, t)) == pytest.approx(mean, abs=1e-5)
    assert float(chain.log_variance(t, x).exp()) == pytest.approx(1 / precision, rel=1e-4)
    assert float(chain.log_variance(t, x, torch.ones_like(x)).exp()) == pytest.approx(beta, rel=1e-4)


def test_the_bound_is_least_at_the_true_variance_and_leaves_the_mean_alone() -> None:
    chain = Chain.of(ScheduleConfig(), 20)
    x0, noise = torch.randn(2, 2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    t = torch.tensor([3, 12])
    x = chain.diffuse(x0, t, noise)
    guess = x0.clone().requires_grad_()
    zero, half = (torch.full_like(x, value).requires_grad_() for value in (0.0, 0.5))
    exact, wide = chain.bound(x0, x, t, guess, zero), chain.bound(x0, x, t, guess, half)
    torch.testing.assert_close(exact, torch.zeros(2), atol=1e-5, rtol=0)
    assert (wide > exact + 1e-4).all()
    wide.sum().backward()
    assert guess.grad is None and (half.grad > 0).all()


def test_the_first_step_is_measured_in_bins_that_cover_everything() -> None:
    levels = (torch.arange(256) * 2 / 255 - 1)[None, None, None]
    log = binned_log_likelihood(levels, torch.full_like(levels, 0.1), torch.full_like(levels, -2.0))
    assert float(log.exp().sum()) == pytest.approx(1, abs=1e-4)
    assert levels.diff().mean() == pytest.approx(2 * LEVEL)
    chain = Chain.of(ScheduleConfig(), 20)
    x0, t = torch.zeros(1, 1, 2, 2), torch.tensor([0])
    assert chain.bound(x0, chain.diffuse(x0, t, x0), t, x0, torch.zeros_like(x0)).isfinite().all()


def learned(chain: Chain) -> Model:
    """The ideal denoiser, with the exact variance of each step as a share, as a network can learn it."""

    def model(x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        t = int((chain.sigma(torch.arange(len(chain.betas))) - sigma[0]).abs().argmin())
        beta, signal, before = (float(values[t]) for values in (chain.betas, chain.signal, chain.signal_before))
        left = DEVIATION**2 * (1 - signal) / (signal * DEVIATION**2 + 1 - signal)  # variance of x0 given x
        smallest = max(beta * (1 - before) / (1 - signal), 1e-20)
        exact = smallest + (beta * before**0.5 / (1 - signal)) ** 2 * left
        share = math.log(exact / smallest) / math.log(beta / smallest)
        return ideal(x, sigma)[0], torch.full_like(x, share)

    return model


def test_learned_variances_make_few_ancestral_steps_right_and_fixed_ones_fall_short() -> None:
    random = torch.Generator().manual_seed(0)
    chain = Chain.of(ScheduleConfig(), 1000).respaced(15)
    noise = torch.randn(2, 4, 64, 64, generator=random)
    *_, fixed = ancestral(ideal, noise, chain, random)
    *_, exact = ancestral(learned(chain), noise, chain, random)
    assert (exact.index, exact.count) == (15, 15)
    for last in (fixed, exact):
        assert abs(last.x.mean() - MEAN) < 0.01
    assert fixed.x.std() < 0.9 * DEVIATION
    # The last step draws nothing: the guess of the data is all that it gives.
    assert abs(exact.x.std() - DEVIATION) < 0.02


def test_guesses_are_clamped() -> None:
    random = torch.Generator().manual_seed(0)
    chain = Chain.of(ScheduleConfig(), 5)
    for step in ancestral(lambda x, sigma: (x * 100, None), torch.randn(1, 1, 4, 4), chain, random, clamp=1.0):
        assert step.x0.abs().max() <= 1
