# SPDX-License-Identifier: GPL-3.0-or-later
import random
from collections import Counter

import pytest

from backend.service.turns import UNKNOWN_SECONDS, Turns, likeness


def filled(*jobs: tuple[str, str] | tuple[str, str, str]) -> Turns:
    """(share, job) or (share, job, priority), in order of arrival."""
    turns = Turns()
    for share, job, *priority in jobs:
        turns.put(job, share, "draft", *priority)
    return turns


def all_taken(turns: Turns, seconds: float = 1.0) -> list[str]:
    """Every job, one after the other, each of which takes so long."""
    taken = []
    while (job := turns.take()) is not None:
        taken.append(job)
        turns.settle(job, seconds)
    return taken


def test_who_got_less_goes_before_what_is_at_work() -> None:
    turns = Turns()
    turns.put("style", "anna", "adapt")
    assert turns.take() == "style" and not turns.goes_before("style", 30)
    turns.put("hers", "anna", "draft")
    assert turns.goes_before("style", 30) and not turns.goes_before("unknown", 30)
    turns.remove("hers")
    turns.put("his", "bert", "draft")
    assert turns.goes_before("style", 30)
    turns.take()
    turns.settle("his", 100.0)  # Bert had his share on another worker meanwhile
    turns.put("his next", "bert", "draft")
    assert not turns.goes_before("style", 30) and turns.goes_before("style", 130)


def test_what_takes_minutes_at_every_preset_is_like_its_own_kind() -> None:
    assert likeness("avatar", "draft") == likeness("blend", "draft") == "draft"
    assert likeness("adapt", "draft") == likeness("adapt", "high") == "adapt" != likeness("imagine", "high")
    turns = Turns()
    turns.put("style", "anna", likeness("adapt", "draft"))
    for job in ("a", "b", "c"):
        turns.put(job, "bert", likeness("avatar", "standard"))
    assert turns.take() == "style"
    turns.put("again", "anna", "draft")
    assert [turns.take() for _ in range(4)] == ["a", "b", "c", "again"]


def test_one_share_is_served_in_order() -> None:
    turns = filled(("a", "1"), ("a", "2"), ("a", "3"))
    assert turns.order() == ["1", "2", "3"] and len(turns) == 3 and "2" in turns
    assert turns.remove("2") and not turns.remove("2")
    assert all_taken(turns) == ["1", "3"] and turns.take() is None


def test_fifty_jobs_of_one_delay_the_first_of_another_by_one() -> None:
    turns = filled(*(("a", f"a{n}") for n in range(50)))
    assert turns.take() == "a0"
    turns.put("b0", "b", "draft")
    turns.put("b1", "b", "draft")
    assert turns.order()[:5] == ["b0", "a1", "b1", "a2", "a3"]


def test_who_comes_back_has_saved_up_nothing() -> None:
    turns = filled(("a", "a0"), ("b", "b0"))
    for job in ("a0", "b0"):
        assert turns.take() == job
    turns.settle("a0", 1.0)
    for n in range(1, 9):
        turns.put(f"b{n}", "b", "draft")
    turns.settle("b0", 100.0)
    assert turns.take() == "b1"
    turns.put("a1", "a", "draft")
    turns.put("a2", "a", "draft")
    # The pause of a is not paid back by ten turns in a row.
    assert turns.order()[:4] == ["a1", "b2", "a2", "b3"]


def test_seconds_count_and_not_jobs() -> None:
    turns = Turns()
    for n in range(12):
        turns.put(f"a{n}", "a", "high")
        turns.put(f"b{n}", "b", "draft")
    got: Counter[str] = Counter()
    for _ in range(12):
        job = turns.take()
        assert job is not None
        seconds = {"a": 6.0, "b": 1.0}[job[0]]
        turns.settle(job, seconds)
        got[job[0]] += int(seconds)
    assert abs(got["a"] - got["b"]) <= 6


def test_what_jobs_take_is_learned() -> None:
    turns = Turns()
    turns.put("1", "a", "odd")
    turns.put("2", "a", "odd")
    turns.take()
    turns.settle("1", UNKNOWN_SECONDS / 10)
    assert turns._expected("odd") == UNKNOWN_SECONDS / 10
    turns.take()
    turns.settle("2", 1000.0, done=False)  # cancelled: it tells nothing about the next one
    assert turns._expected("odd") == UNKNOWN_SECONDS / 10


def test_priority_orders_the_jobs_of_one_and_only_low_waits_for_others() -> None:
    turns = filled(("a", "slow", "low"), ("a", "plain"), ("a", "first", "high"), ("b", "other"), ("b", "quiet", "low"))
    assert turns.order() == ["first", "other", "plain", "quiet", "slow"]
    foreseen = turns.order()
    assert all_taken(turns) == foreseen


def test_a_low_job_runs_where_nobody_wants_anything_else() -> None:
    turns = filled(("a", "crowd", "low"))
    assert turns.take() == "crowd"
    turns.put("crowd2", "a", "draft", "low")
    turns.put("mine", "a", "draft")
    assert turns.take() == "mine"


def test_a_job_is_moved_among_its_own_only() -> None:
    turns = filled(("a", "a0"), ("a", "a1"), ("b", "b0"), ("a", "a2"), ("b", "b1"))
    assert turns.order() == ["a0", "b0", "a1", "b1", "a2"]
    assert turns.move("a2", 0) and turns.order() == ["a2", "b0", "a0", "b1", "a1"]
    assert turns.move("a2", 99) and turns.order() == ["a0", "b0", "a1", "b1", "a2"]
    assert not turns.move("nobody", 0)
    assert turns.line_of("a1") == ["a0", "a1", "a2"] and turns.line_of("nobody") == []


def test_an_order_that_was_chosen_is_put_together_again() -> None:
    turns = Turns()
    for name, priority, chosen in (("n2", "normal", True), ("h1", "high", True), ("h2", "high", False)):
        turns.put(name, "a", "draft", priority, last=chosen)
    assert turns.order() == ["h2", "n2", "h1"]


def test_what_was_left_behind_goes_to_who_asks_for_it() -> None:
    turns = filled(("gone", "1"), ("gone", "2"), ("here", "3"))
    turns.adopt("2", "here")
    turns.adopt("2", "here")
    assert turns.share_of("2") == "here" and turns.waiting_of("here") == 2 and turns.share_of("nobody") is None
    assert turns.order() == ["1", "2", "3"]  # of the share that asked, it waited longest


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_nobody_is_forgotten_and_what_was_foreseen_comes(seed: int) -> None:
    chance, turns, waiting, working = random.Random(seed), Turns(), set(), []
    for number in range(400):
        match chance.randrange(5):
            case 0 | 1:
                job = str(number)
                priority = chance.choice(("low", "high", None))
                turns.put(job, chance.choice("abc"), chance.choice(("draft", "x")), priority)
                waiting.add(job)
            case 2:
                foreseen = turns.order()
                taken = turns.take()
                assert taken == (foreseen[0] if foreseen else None)
                if taken is not None:
                    assert turns.order() == foreseen[1:] and taken not in turns
                    waiting.remove(taken)
                    working.append(taken)
            case 3 if working:
                turns.settle(working.pop(), chance.random() * 50, chance.random() < 0.5)
            case 4 if waiting:
                job = chance.choice(sorted(waiting))
                chance.choice((lambda j: turns.move(j, chance.randrange(9)), lambda j: turns.adopt(j, "c")))(job)
        assert sorted(turns.order()) == sorted(waiting) and len(turns) == len(waiting)
