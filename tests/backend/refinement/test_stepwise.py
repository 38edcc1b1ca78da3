# SPDX-License-Identifier: GPL-3.0-or-later
import threading
from collections.abc import Callable
from typing import Any

import pytest

from backend.refinement.stepwise import stepwise


def counting(seen: list[int]) -> Callable[[Callable[[Any], None]], str]:
    def call(told: Callable[[Any], None]) -> str:
        for number in range(5):
            seen.append(number)
            told(number)
        return "done"

    return call


def test_reports_come_one_by_one_and_the_result_at_the_end() -> None:
    seen: list[int] = []
    running = stepwise(counting(seen))
    for number in range(5):
        assert next(running) == number
        assert seen == list(range(number + 1))  # the call waits while its report is looked at
    with pytest.raises(StopIteration) as done:
        next(running)
    assert done.value.value == "done"


def test_closing_leaves_the_call_and_no_thread() -> None:
    seen: list[int] = []
    running = stepwise(counting(seen))
    next(running)
    running.close()
    assert seen == [0]
    assert not [thread for thread in threading.enumerate() if thread.name == "stepwise"]


def test_errors_are_raised_where_the_caller_is() -> None:
    def fails(told: Callable[[Any], None]) -> None:
        told(1)
        raise ValueError("no memory left")

    running = stepwise(fails)
    next(running)
    with pytest.raises(ValueError, match="no memory left"):
        next(running)


def test_careless_calls_are_cancelled_too() -> None:
    """One that swallows ordinary exceptions."""
    went_on = []

    def careless(told: Callable[[Any], None]) -> None:
        try:
            told(1)
        except Exception:
            went_on.append(True)

    running = stepwise(careless)
    next(running)
    running.close()
    assert not went_on
