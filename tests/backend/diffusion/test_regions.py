# SPDX-License-Identifier: GPL-3.0-or-later
import torch
from torch import Tensor

from backend.diffusion.denoiser import diffuse
from backend.diffusion.regions import joining
from backend.diffusion.samplers import ddim, times
from backend.diffusion.schedule import ScheduleConfig

SCHEDULE = ScheduleConfig()
WANTED = 0.8


def wanting(x: Tensor, u: Tensor) -> Tensor:
    """Knows only one picture."""
    return torch.full_like(x, WANTED)


def test_pixels_change_by_when_they_join() -> None:
    present = torch.rand(1, 3, 4, 6, generator=torch.Generator().manual_seed(0)) - 1
    entry = torch.zeros(1, 1, 4, 6)
    entry[..., 2:4], entry[..., 4:] = 0.4, 1.0
    *_, last = ddim(joining(wanting, present, entry), torch.randn(1, 3, 4, 6), 10, SCHEDULE)
    torch.testing.assert_close(last.x[..., :2], present[..., :2], atol=1e-5, rtol=0)
    torch.testing.assert_close(last.x[..., 2:], torch.full((1, 3, 4, 4), WANTED), atol=1e-5, rtol=0)


def test_until_they_join_they_are_the_picture_under_its_noise() -> None:
    present, noise = torch.rand(1, 3, 4, 4), torch.randn(1, 3, 4, 4)
    steps = list(ddim(joining(wanting, present, torch.full((1, 1, 4, 4), 0.5)), noise, 10, SCHEDULE))
    expected, _ = diffuse(present, times(10)[4:5], noise, SCHEDULE)
    torch.testing.assert_close(steps[3].x, expected, atol=2e-3, rtol=0)
    assert torch.equal(steps[3].x0, present) and not torch.equal(steps[-1].x0, present)


def test_nobody_is_asked_before_the_first_joins() -> None:
    asked: list[float] = []

    def counting(x: Tensor, u: Tensor) -> Tensor:
        asked.append(float(u[0]))
        return x

    present = torch.zeros(1, 3, 4, 4)
    list(ddim(joining(counting, present, torch.full((1, 1, 4, 4), 0.3)), torch.randn(1, 3, 4, 4), 10, SCHEDULE))
    assert asked and max(asked) <= 0.3
    asked.clear()
    list(ddim(joining(counting, present, torch.zeros(1, 1, 4, 4)), torch.randn(1, 3, 4, 4), 10, SCHEDULE))
    assert not asked
