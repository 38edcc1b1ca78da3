# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from pathlib import Path

import pytest

from backend.evaluation.runs import Record, Setting, evaluate

CALLS: list[int] = []


def count(setting: Setting, seed: int) -> Record:
    CALLS.append(seed)
    return {"seed": seed, "score": seed / 2}


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    weights = tmp_path / "weights"
    weights.write_bytes(b"one")
    CALLS.clear()
    return Setting(pack=tmp_path, truths=tmp_path, out=tmp_path / "out", weights=weights)


def test_a_run_goes_on_where_it_was_stopped(setting: Setting) -> None:
    running = evaluate(count, range(5, 9), setting)
    assert [next(running)[0], next(running)[0]] == [1, 2]
    running.close()
    assert CALLS == [5, 6]
    records = dict(evaluate(count, range(5, 9), setting))
    assert CALLS == [5, 6, 7, 8] and [records[k]["seed"] for k in (1, 2, 3, 4)] == [5, 6, 7, 8]


def test_other_weights_or_steps_begin_anew(setting: Setting) -> None:
    list(evaluate(count, range(2), setting))
    setting.weights.write_bytes(b"two")
    list(evaluate(count, range(1), setting))
    list(evaluate(count, range(1), replace(setting, steps=4)))
    assert CALLS == [0, 1, 0, 0]


def test_processes_give_the_same_records(setting: Setting) -> None:
    records = [record for _, record in evaluate(count, range(3), setting, workers=2)]
    assert sorted(record["score"] for record in records) == [0, 0.5, 1] and not CALLS  # the work was done elsewhere
