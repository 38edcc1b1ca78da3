# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from backend.geometry.grid_field import GridField
from backend.synthesis.base import Progress
from backend.synthesis.densities import distances
from backend.synthesis.source import SourceError

CPU = torch.device("cpu")


def carve(level: Callable[[Tensor], Tensor], side: int = 65) -> tuple[Tensor, list[Progress]]:
    steps, seen = distances(level, side, CPU, "sample", begin=0.3), []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as done:
            return done.value, seen


@pytest.mark.parametrize(
    "level",
    [
        lambda p: 0.5 - p.norm(dim=1),
        lambda p: torch.exp(30 * (0.5 - p.norm(dim=1))) - 1,
        lambda p: 10 * torch.tanh(40 * (0.5 - p.norm(dim=1))),
        lambda p: torch.where(p.norm(dim=1) < 0.9, 0.25 - p.square().sum(1), torch.tensor(float("nan"))),
    ],
)
def test_a_ball_of_any_density_has_its_distances(level: Callable[[Tensor], Tensor]) -> None:
    """However steep the density is at the surface; what is not a number is outside."""
    grid, seen = carve(level)
    points = torch.rand(3000, 3) * 1.8 - 0.9
    truth = (points.norm(dim=1) - 0.5).clamp(-0.1, 0.1)
    found = GridField(grid, lambda p: p).sdf(points)
    assert (found - truth).abs().max() < 0.02 and (found - truth).abs().mean() < 0.002
    fractions = [each.fraction for each in seen]
    assert fractions == sorted(fractions) and fractions[0] >= 0.3 and fractions[-1] == 1


def test_a_level_that_is_a_distance_of_sorts_has_straighter_normals() -> None:
    """Cube roots of distances are steep where they are 0: directions between nodes would bend."""

    def level(points: Tensor) -> Tensor:
        return 3 * (0.5 - (points * torch.tensor([1.0, 0.8, 0.9])).norm(dim=1))

    def tilt(linear: bool) -> float:
        steps = distances(level, 33, CPU, "sample", linear=linear)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                field = GridField(done.value, lambda p: p)
                break
        directions = torch.nn.functional.normalize(torch.randn(400, 3), dim=-1)
        length = (directions * torch.tensor([1.0, 0.8, 0.9])).norm(dim=1, keepdim=True)
        return float(field.sdf(0.5 * directions / length).abs().mean())

    assert tilt(True) < tilt(False) < 0.02


def test_only_the_neighbourhood_of_the_surface_is_asked_finely() -> None:
    asked = 0

    def level(points: Tensor) -> Tensor:
        nonlocal asked
        asked += len(points)
        return 0.3 - points.norm(dim=1)

    carve(level, 97)
    assert asked < 0.3 * 97**3


@pytest.mark.parametrize("value", [-5.0, 5.0])
def test_without_a_surface_it_says_so(value: float) -> None:
    with pytest.raises(SourceError, match="no surface"):
        carve(lambda p: torch.full((len(p),), value), 17)
