# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.service.errors import ServiceError
from backend.service.retention import Kept, Retention, given_up


def kept(*told: str, size: int = 1) -> list[Kept]:
    """Jobs "a0", "b0", "a1" ... of the accounts that their first letters name."""
    return [Kept(name, name[0], size) for name in told]


def test_the_oldest_of_one_account_go_and_the_latest_stays() -> None:
    jobs = kept("a0", "a1", "a2", "a3")
    assert list(given_up(jobs, Retention(jobs=4))) == []
    assert list(given_up(jobs, Retention(jobs=2))) == ["a0", "a1"]
    assert list(given_up(jobs, Retention(size=1))) == ["a0", "a1", "a2"]
    assert list(given_up(kept("a0", size=9), Retention(size=1))) == []
    assert list(given_up([], Retention(jobs=1))) == []


def test_who_makes_many_pushes_out_his_own() -> None:
    jobs = kept("b0", "a0", "b1", *(f"a{number}" for number in range(1, 9)))
    assert list(given_up(jobs, Retention(jobs=6))) == [f"a{number}" for number in range(5)]
    # Down to equal parts; from there on whoever has most again.
    assert sorted({each.job_id for each in jobs} - set(given_up(jobs, Retention(jobs=2)))) == ["a8", "b1"]


def test_bytes_count_as_well_as_numbers() -> None:
    small, large = kept(*(f"s{number}" for number in range(9))), kept("l0", "l1", size=10)
    assert list(given_up([*large, *small], Retention(size=20))) == ["l0"]
    assert list(given_up([*small, *large], Retention(jobs=5, size=12)))[-2:] == ["l0", "s6"]


def test_nothing_at_all_is_no_limit() -> None:
    for wrong in ({"jobs": 0}, {"size": 0}):
        with pytest.raises(ServiceError, match="at least one") as caught:
            Retention(**wrong)
        assert "--keep-" in caught.value.hint
