# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch
from torch import nn

from backend.claims.base import Settings
from backend.claims.generation import Denoising, Standard, front, gather, learn, pictures, shrink
from backend.diffusion.schedule import ScheduleConfig
from backend.geometry.triplane import roll


def quiet(stage: str, share: float) -> None:
    """Nobody listens."""


def test_the_crowd_is_read_once_and_split_anew_by_each_seed(settings: Settings) -> None:
    crowd = gather(settings, quiet)
    assert crowd.planes.shape == (6, 10, 16, 48) and crowd.portraits.shape == (6, 4, 32, 32)
    assert crowd.planes.abs().max() <= 1 and crowd.at(8).shape == (6, 10, 8, 24)
    (settings.cache / "shards").rename(settings.cache / "elsewhere")
    assert torch.equal(gather(settings, quiet).planes, crowd.planes)
    (settings.cache / "elsewhere").rename(settings.cache / "shards")
    known, unseen = crowd.split(settings, 0)
    assert sorted([*known.tolist(), *unseen.tolist()]) == list(range(6)) and len(unseen) == 2
    assert crowd.split(settings, 1)[1].tolist() != unseen.tolist()


def test_standardised_planes_come_back() -> None:
    planes = torch.rand(5, 10, 4, 12) * 2 - 1
    standard = Standard.of(planes)
    applied = standard.apply(planes)
    assert float(applied.std()) == pytest.approx(1, abs=0.02) and applied.mean(0).abs().max() < 1e-5
    torch.testing.assert_close(standard.undo(applied), planes)


def test_planes_shrink_one_by_one() -> None:
    planes = torch.stack([torch.full((2, 8, 8), float(k)) for k in range(3)])
    small = shrink(roll(planes[None]), 4)
    assert torch.equal(small, roll(torch.stack([torch.full((2, 4, 4), float(k)) for k in range(3)])[None]))


def test_pictures_are_the_six_views_over_white() -> None:
    planes = torch.full((1, 3, 10, 4, 4), -1.0)  # nothing is seen
    planes[0, 1, 4:8] = torch.tensor([1.0, -1.0, -1.0, 1.0])[:, None, None]  # red, at the far end of y
    shown = pictures(roll(planes))
    assert shown.shape == (6, 3, 4, 4)
    assert torch.equal(shown[3], torch.tensor([1.0, 0, 0])[:, None, None].expand(3, 4, 4))
    assert (shown[[0, 1, 2, 4, 5]] == 1).all()
    planes[0, 0, 3, 0], planes[0, 0, 0, 0] = 1, -1  # the lowest row of xy is black
    assert (front(roll(planes)[0])[-1] == 0).all() and (front(roll(planes)[0])[0] == 1).all()


class Mean(nn.Module):
    """Says the same of everybody."""

    def __init__(self) -> None:
        super().__init__()
        self.said = nn.Parameter(torch.zeros(2, 2, 6))

    def forward(self, noisy: torch.Tensor, sigma: torch.Tensor, *condition: torch.Tensor) -> torch.Tensor:
        return self.said.expand_as(noisy)


def test_learning_ends_at_the_mean_and_is_kept(settings: Settings) -> None:
    planes = 0.1 * torch.rand(6, 2, 2, 6, generator=torch.Generator().manual_seed(0))
    asked: list[int] = []

    def stage() -> Denoising:
        return Denoising(
            Mean(), planes, ScheduleConfig.rodinhd_base(), "x0", 6,
            lambda chosen, random: (asked.append(len(chosen)), chosen),
            lambda guess, x0: {"more": 0.1 * (guess - x0).square().mean()},
        )  # fmt: skip

    network = learn(settings, 0, stage(), 120, "mean", quiet)
    assert (network.said - planes.mean(0)).abs().max() < 0.03 and len(asked) == 120
    again = learn(settings, 0, stage(), 120, "mean", quiet)
    assert torch.equal(again.said, network.said) and len(asked) == 120
