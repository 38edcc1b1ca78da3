# SPDX-License-Identifier: GPL-3.0-or-later
"""Each function beside a slow one that does what the paper's sentence says, ray by ray."""

import pytest
import torch
from torch import Tensor

from backend.geometry.bins import adaptive_budget, allocate, cells, difficulty, inverse_distribution, place, robust_set


@pytest.fixture
def probability() -> Tensor:
    random = torch.Generator().manual_seed(3)
    sharp = torch.randn(40, 23, generator=random) * torch.linspace(0.1, 6, 40)[:, None]
    return sharp.softmax(-1)


def plain_robust_set(row: list[float], share: float) -> set[int]:
    chosen: set[int] = set()
    mass = 0.0
    for index in sorted(range(len(row)), key=lambda i: -row[i]):
        chosen.add(index)
        mass += row[index]
        if mass >= share * sum(row):
            return chosen
    return chosen


def plain_allocation(row: list[float], chosen: set[int], budget: int) -> list[int]:
    counts = [0] * len(row)
    for index in chosen:
        counts[index] = budget // len(chosen)
    for index in sorted(chosen, key=lambda i: -row[i])[: budget % len(chosen)]:
        counts[index] += 1
    return counts


def test_robust_set_is_the_smallest_that_holds_the_share(probability: Tensor) -> None:
    chosen = robust_set(probability, 0.9)
    for row, flags in zip(probability.tolist(), chosen, strict=True):
        assert set(torch.nonzero(flags)[:, 0].tolist()) == plain_robust_set(row, 0.9)
    assert 1 < int(chosen.sum(-1).min()) < int(chosen.sum(-1).max()) or chosen.sum(-1).min() == 1


@pytest.mark.parametrize("budget", [1, 7, 16])
def test_budget_is_spread_evenly_and_its_rest_goes_to_the_likeliest(probability: Tensor, budget: int) -> None:
    chosen = robust_set(probability)
    counts = allocate(probability, chosen, torch.full((len(probability),), budget))
    for row, flags, count in zip(probability.tolist(), chosen, counts.tolist(), strict=True):
        assert count == plain_allocation(row, set(torch.nonzero(flags)[:, 0].tolist()), budget)
    assert (counts.sum(-1) == budget).all()


def test_places_are_the_middles_of_equal_parts_of_the_bins() -> None:
    positions, parts = place(torch.tensor([[0, 2, 0, 1], [1, 0, 0, 0]]), None)
    torch.testing.assert_close(positions, torch.tensor([[1.25, 1.75, 3.5], [0.5, 4.0, 4.0]]))
    torch.testing.assert_close(parts, torch.tensor([[0.5, 0.5, 1.0], [1.0, 0.0, 0.0]]))


def test_jittered_places_stay_in_their_part_and_fill_it() -> None:
    counts = torch.tensor([[3, 0, 1]]).expand(4000, -1).contiguous()
    positions, _ = place(counts, torch.Generator().manual_seed(0))
    low = torch.tensor([0, 1 / 3, 2 / 3, 2.0])
    width = torch.tensor([1 / 3, 1 / 3, 1 / 3, 1.0])
    within = (positions - low) / width
    assert within.min() >= -1e-5 and within.max() <= 1 + 1e-5
    assert (within.mean(0) - 0.5).abs().max() < 0.02 and (within.std(0) - 12**-0.5).abs().max() < 0.02


def test_inverse_distribution_undoes_the_distribution(probability: Tensor) -> None:
    level = torch.rand(len(probability), 9)
    position = inverse_distribution(probability, level)
    for row, wanted, found in zip(probability.tolist(), level.tolist(), position.tolist(), strict=True):
        for share, place_ in zip(wanted, found, strict=True):
            whole = min(int(place_), len(row) - 1)
            assert sum(row[:whole]) + (place_ - whole) * row[whole] == pytest.approx(share, abs=1e-4)


def test_the_hardest_tenth_gets_the_large_budget(probability: Tensor) -> None:
    hardness = difficulty(probability, 4)
    plain = [1 - sum(sorted(row)[-4:]) for row in probability.tolist()]
    torch.testing.assert_close(hardness, torch.tensor(plain), atol=1e-5, rtol=0)
    budget = adaptive_budget(hardness, 16, 32, 0.1)
    ordered = sorted(plain)
    assert budget.tolist() == [32 if value > ordered[-5] else 16 for value in plain]


def test_cells_reach_half_way_and_no_farther_than_allowed() -> None:
    found = cells(torch.tensor([[0.0, 0.1, 0.9]]), torch.tensor([[0.3]]))
    torch.testing.assert_close(found, torch.tensor([[0.2, 0.2, 0.3]]))
