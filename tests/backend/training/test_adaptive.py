# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.training.adaptive import INTERVAL, Adaptive, coloured, moved


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_strength_follows_how_sure_the_discriminator_is() -> None:
    adaptive = Adaptive(0.6, speed=100)
    for _ in range(2 * INTERVAL):
        adaptive.observe(torch.ones(5))
    assert float(adaptive.strength) == pytest.approx(2 * INTERVAL * 5 / 100)
    for _ in range(INTERVAL):
        adaptive.observe(torch.tensor([1.0, 1, 1, -1, -1]))  # mean sign 0.2 is below the target
    assert float(adaptive.strength) < 2 * INTERVAL * 5 / 100
    for _ in range(20 * INTERVAL):
        adaptive.observe(-torch.ones(5))
    assert float(adaptive.strength) == 0
    never = Adaptive(None)
    for _ in range(INTERVAL):
        never.observe(torch.ones(5))
    assert float(never.strength) == 0


def test_it_starts_as_no_change_and_travels_in_a_checkpoint() -> None:
    pictures = torch.rand(2, 4, 8, 8)
    assert torch.equal(Adaptive()(pictures, draw()), pictures)
    worn = Adaptive()
    worn.strength.fill_(0.7)
    other = Adaptive()
    other.load_state_dict(worn.state_dict())
    assert torch.equal(worn(pictures, draw()), other(pictures, draw()))
    assert not torch.equal(worn(pictures, draw()), pictures)


def test_a_share_of_pictures_is_left_alone() -> None:
    pictures = torch.rand(400, 3, 4, 4) * 2 - 1
    changed = (coloured(pictures, 0.2, draw()) - pictures).abs().amax((1, 2, 3)) > 1e-4
    # Any of five kinds of wear with probability 0.2, of which one does nothing half of the time.
    assert abs(float(changed.float().mean()) - (1 - 0.8**4 * 0.9)) < 0.08


def test_white_without_coverage_comes_in_from_outside() -> None:
    picture = torch.cat([torch.zeros(30, 3, 16, 16), torch.ones(30, 1, 16, 16)], 1)
    turned = moved(picture, 1.0, draw())
    corner = turned[:, :, 0, 0]
    outside = corner[:, 3] < -0.99
    assert 3 < int(outside.sum()) < 30
    torch.testing.assert_close(corner[outside][:, :3], torch.ones(int(outside.sum()), 3), atol=0.02, rtol=0)
    torch.testing.assert_close(turned[:, :1], (1 - turned[:, 3:]) / 2, atol=1e-5, rtol=0)


def test_colours_change_and_coverage_does_not_and_greys_stay_grey() -> None:
    pictures = torch.rand(20, 1, 4, 4).expand(-1, 3, -1, -1) * 2 - 1
    pictures = torch.cat([pictures, torch.rand(20, 1, 4, 4)], 1)
    worn = coloured(pictures, 1.0, draw())
    assert torch.equal(worn[:, 3], pictures[:, 3])
    torch.testing.assert_close(worn[:, 0], worn[:, 1], atol=1e-4, rtol=1e-4)
    assert float((worn[:, 0] - pictures[:, 0]).abs().mean()) > 0.1


def test_gradients_pass_through() -> None:
    pictures = torch.rand(3, 4, 8, 8, requires_grad=True)
    adaptive = Adaptive()
    adaptive.strength.fill_(1.0)
    adaptive(pictures, draw()).square().sum().backward()
    assert pictures.grad is not None and float(pictures.grad.abs().sum()) > 0
