# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest

from backend.claims.base import ClaimError, Outcome, Settings, clearly_positive, part, plus_minus, spread, subtract


def outcome(**figures: list[float]) -> Outcome:
    return Outcome(ours=figures, headline="gain", reproduced=True, why="It is.", pictures={})


def test_settings_refuse_too_few_seeds() -> None:
    with pytest.raises(ClaimError, match="at least 3 seeds, got 2") as error:
        Settings(pack=Path("p"), cache=Path("c"), seeds=(0, 1, 1))
    assert error.value.message


def test_settings_pick_by_size() -> None:
    settings = Settings(pack=Path("p"), cache=Path("c"))
    assert settings.pick(5, 1) == 5
    assert Settings(pack=Path("p"), cache=Path("c"), size="tiny").pick(5, 1) == 1


def test_outcome_holds_its_headline_and_finite_figures_alone() -> None:
    assert outcome(gain=[1.0, 2.0], loss=[0.0, 1.0]).ours["gain"] == [1.0, 2.0]
    for wrong in ({"other": [1.0]}, {"gain": [1.0], "loss": [1.0, 2.0]}, {"gain": [float("nan")]}):
        with pytest.raises(ValueError, match=r"must (hold|be finite)"):
            outcome(**wrong)


def test_a_difference_is_clear_where_it_exceeds_two_standard_errors() -> None:
    assert clearly_positive([1.0, 1.1, 0.9])
    assert not clearly_positive([1.0, -0.9, 0.5])
    assert not clearly_positive([-1.0, -1.1, -0.9])
    assert not clearly_positive([0.0, 0.0, 0.0])
    # mean 1, deviation 1: the border lies at 2 / sqrt(n) = 1, four seeds.
    border = np.array([-1.0, 1.0, -1.0, 1.0]) * np.sqrt(3 / 4)
    assert clearly_positive(list(border + 1.001)) and not clearly_positive(list(border + 0.999))


def test_figures_as_text() -> None:
    assert plus_minus([1.0, 2.0, 3.0]) == "2.00 ± 1.00"
    assert plus_minus([0.5, 0.5], digits=1, signed=True) == "+0.5 ± 0.0"
    assert spread([4.0]) == 0.0
    assert subtract([3.0, 2.0], [1.0, 4.0]) == [2.0, -2.0]


def test_progress_of_a_part() -> None:
    seen: list[tuple[str, float]] = []
    inner = part(lambda stage, share: seen.append((stage, share)), 0.5, 0.7)
    for share in (0, 0.5, 2):
        inner("half", share)
    assert [share for _, share in seen] == pytest.approx([0.5, 0.6, 0.7])
