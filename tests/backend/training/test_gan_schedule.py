# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.training.gan_schedule import PUBLISHED, GanSchedule, Phase


def test_the_published_table_comes_back() -> None:
    schedule = GanSchedule()
    table = {0: (64, 1, 2), 9.9: (64, 1, 2), 12: (128, 1, 2), 17.9: (128, 1, 2), 20: (512, 4, 2), 26: (512, 2, 1)}
    for millions, (side, r1, colour) in table.items():
        progress = millions / PUBLISHED
        phase = schedule.phase(progress)
        assert (schedule.side(progress, 512), phase.r1, phase.colour_rate) == (side, r1, colour)
    assert schedule.beta.target(0.1) == 0.01 and schedule.beta.target(0.5) == pytest.approx(0.001)
    assert schedule.supervise * PUBLISHED == 16 and schedule.propose * PUBLISHED == 17


def test_renders_grow_within_a_ramp_and_stay_multiples() -> None:
    schedule = GanSchedule()
    assert schedule.side(10.5 / PUBLISHED, 512) == 96
    sides = [schedule.side(k / 500, 512, 4) for k in range(501)]
    assert sides == sorted(sides) and sides[0] == 64 and sides[-1] == 512 and all(side % 4 == 0 for side in sides)
    assert GanSchedule(phases=(Phase(until=1, side=0.01),)).side(0.5, 64, 4) == 4


def test_unordered_phases_are_refused() -> None:
    for phases in [(), (Phase(until=0.5, side=1),), (Phase(until=1, side=1), Phase(until=0.5, side=1)),
                   (Phase(until=1, side=2),)]:  # fmt: skip
        with pytest.raises(ValueError, match="phases"):
            GanSchedule(phases=phases)
    with pytest.raises(ValueError, match="serve before"):
        GanSchedule(supervise=0.5, propose=0.4)
