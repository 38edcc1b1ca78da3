# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.surface.charts import twins
from backend.surface.extract import extract
from backend.surface.handles import short_loops, without_handles
from backend.surface.mesh import Mesh, compact
from tests.analytic import SphereField


class Bored(SphereField):
    """A ball with two thin tunnels through its rim."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        x, _, z = points.unbind(-1)
        tunnels = torch.stack([((x - side).square() + (z - 0.45).square()).sqrt() - 0.06 for side in (-0.2, 0.2)])
        return torch.maximum(points.norm(dim=-1) - 0.6, -tunnels.amin(0)).clamp(-0.1, 0.1)


@pytest.fixture(scope="module")
def bored() -> Mesh:
    return extract(Bored(0.6), 64)


def test_tunnels_are_filled_and_the_rest_stays(bored: Mesh) -> None:
    assert bored.euler() == -2
    plain = without_handles(bored, 0.7)
    assert plain.euler() == 2 and plain.is_closed()
    assert plain.volume() == pytest.approx(bored.volume(), rel=0.01)
    assert len(np.unique(plain.welded())) == len(plain.vertices), "the two sides of a cut are apart"
    assert len(plain.faces) < 1.02 * len(bored.faces)


def test_what_one_may_see_through_stays(bored: Mesh) -> None:
    assert without_handles(bored, 0.1) is bored


def test_loops_are_closed_and_keep_to_themselves(bored: Mesh) -> None:
    loops = short_loops(bored, twins(bored.faces), 0.7)
    assert len(loops) == 2
    seen: set[int] = set()
    for loop in loops:
        starts, ends = bored.faces[loop // 3, loop % 3], bored.faces[loop // 3, (loop + 1) % 3]
        met, uses = np.unique(np.concatenate([starts, ends]), return_counts=True)
        assert (uses == 2).all() and len(met) == len(loop)
        assert not seen & set(met.tolist())
        seen |= set(met.tolist())


def test_a_ball_and_an_open_surface_are_left_alone(bored: Mesh) -> None:
    ball = extract(SphereField(0.6), 24)
    assert without_handles(ball) is ball
    part = compact(bored.vertices, bored.faces[100:])
    assert without_handles(part) is part
