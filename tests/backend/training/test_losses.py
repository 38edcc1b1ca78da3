# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest
import torch

from backend.training.losses import BetaSchedule, beta_loss, decision_boundary_loss, total_variation


def test_schedule_is_the_published_one_for_a_run_of_any_length() -> None:
    schedule = BetaSchedule()
    millions = [0, 5, 10, 10.5, 11, 18, 28.2]
    wanted = [0.01, 0.01, 0.01, 0.0055, 0.001, 0.001, 0.001]
    assert [schedule.target(m / 28.2) for m in millions] == pytest.approx(wanted)


def test_beta_loss_is_least_where_the_surface_has_the_wanted_width() -> None:
    alpha = torch.tensor([1.0, 0.5, 0.0])
    assert beta_loss(0.002 * alpha, alpha, 0.002) < 1e-12
    beta = torch.tensor([0.01], requires_grad=True)
    loss = beta_loss(beta, torch.ones(1), 0.002)
    assert float(loss.detach()) == pytest.approx(16)
    loss.backward()
    assert beta.grad is not None and beta.grad > 0


def test_boundary_loss_pushes_every_distance_away_from_zero() -> None:
    sdf = torch.tensor([-0.05, 0.02], requires_grad=True)
    loss = decision_boundary_loss(sdf)
    assert float(loss.detach()) == pytest.approx((math.exp(-1) + math.exp(-0.4)) / 2, rel=1e-5)
    loss.backward()
    assert sdf.grad is not None and sdf.grad[0] > 0 > sdf.grad[1]


def test_variation_of_a_ramp_is_its_slope_squared() -> None:
    ramp = (torch.arange(6.0) * 0.5).expand(1, 3, 2, 6, 6)
    assert float(total_variation(ramp)) == pytest.approx(0.25)
    assert total_variation(ramp.transpose(-1, -2)) == total_variation(ramp)
    assert total_variation(torch.ones(2, 3, 4, 5, 5)) == 0
