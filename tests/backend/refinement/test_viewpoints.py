# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest

from backend.refinement.viewpoints import MOST, viewpoints


@pytest.mark.parametrize("count", range(1, MOST + 1))
def test_as_many_as_asked_the_front_first_none_twice(count: int) -> None:
    views = viewpoints(count)
    assert len(views) == len(set(views)) == count
    assert views[0] == (0.0, 0.0)


def test_eight_go_outward_on_both_sides_in_turn() -> None:
    degrees = [round(math.degrees(azimuth)) for azimuth, _ in viewpoints(8)]
    assert degrees == [0, 45, -45, 90, -90, 135, -135, 180]


def test_an_odd_ring_is_symmetric() -> None:
    azimuths = sorted(azimuth for azimuth, _ in viewpoints(5))
    assert all(a == pytest.approx(-b) for a, b in zip(azimuths, reversed(azimuths), strict=True))


def test_more_than_the_ring_look_from_above_and_below() -> None:
    elevations = [elevation for _, elevation in viewpoints(10)]
    assert not any(elevations[:8]) and elevations[8] > 0 > elevations[9]
