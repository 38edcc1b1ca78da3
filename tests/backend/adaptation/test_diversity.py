# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.adaptation.diversity import diversity_ratio, relative_distance_loss


def people(seed: int = 0) -> torch.Tensor:
    return torch.randn(4, 3, 5, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_a_shift_of_all_costs_nothing() -> None:
    before = people()
    assert float(relative_distance_loss(before + people(1)[:1], before)) == pytest.approx(0, abs=1e-4)
    assert diversity_ratio(before + people(1)[:1], before) == pytest.approx(1, abs=1e-4)


def test_drawing_people_together_costs_what_it_takes() -> None:
    before = people()
    closer = before.mean(0) + 0.5 * (before - before.mean(0))
    assert diversity_ratio(closer, before) == pytest.approx(0.5)
    assert 0.6 < float(relative_distance_loss(closer, before)) <= 0.75
    assert float(relative_distance_loss(before.mean(0).expand_as(before), before)) > 0.8


def test_descending_it_restores_the_distances() -> None:
    before = people()
    planes = (0.3 * before).requires_grad_(True)
    optimiser = torch.optim.Adam([planes], lr=0.05)
    for _ in range(60):
        optimiser.zero_grad()
        relative_distance_loss(planes, before).backward()
        optimiser.step()
    assert diversity_ratio(planes, before) == pytest.approx(1, abs=0.15)
