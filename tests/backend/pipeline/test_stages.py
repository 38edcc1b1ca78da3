# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.pipeline.stages import Stages


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_fractions_follow_the_shares_and_never_fall() -> None:
    stages = Stages({"one": 1.0, "two": 3.0})
    fractions = [stages.enter("one").fraction, stages.progress(0.5).fraction, stages.progress(0.2).fraction]
    fractions += [stages.enter("two").fraction, stages.progress(1.0).fraction, stages.progress(7.0).fraction]
    assert fractions == pytest.approx([0, 0.125, 0.125, 0.25, 1, 1])


def test_remaining_time_is_extrapolated_and_seconds_are_kept() -> None:
    clock = Clock()
    stages = Stages({"one": 1.0, "two": 1.0}, clock)
    assert stages.enter("one").remaining is None
    clock.now = 4.0
    assert stages.enter("two").remaining == pytest.approx(4.0)
    clock.now = 6.0
    halfway = stages.progress(0.5, stage="two, second half")
    assert halfway.remaining == pytest.approx(2.0) and halfway.stage == "two, second half"
    assert stages.finish() == {"one": 4.0, "two": 2.0, "total": 6.0}
