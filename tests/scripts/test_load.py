# SPDX-License-Identifier: GPL-3.0-or-later
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from load import Report, load, spread

GOOD = Report(8, 8, (), 1.0, 1.0, (0.01,), (0.5,), (0.01,), (50 << 20,) * 8, (0,))


def test_three_clients_are_served_evenly_and_all_finishes() -> None:
    report = load(3, 6, limit=60, say=lambda line: None)
    assert report.problems() == [] and report.done == report.wanted == 18
    assert len(report.accepted) == len(report.waited) == 18 and report.answered
    # The last to send is not the last to be served: each has a job among the first few.
    assert report.evenness > 0.95


def test_a_run_that_was_ended_goes_on(tmp_path: Path) -> None:
    first = load(2, 3, limit=60, say=lambda line: None, folder=tmp_path)
    again = load(2, 3, limit=60, say=lambda line: None, folder=tmp_path)
    assert first.done == again.done == 6 and again.problems() == []
    # Nobody had to wait for a worker: nothing was made again.
    assert len(first.accepted) == 6 and not again.accepted


def test_what_falls_short_is_a_sentence() -> None:
    assert GOOD.problems() == []
    lost = replace(GOOD, done=5, failures=("queue_full: 64 jobs of yours wait already.",))
    assert lost.problems() == ["3 of 8 jobs did not finish: queue_full: 64 jobs of yours wait already."]
    assert "unevenly: 0.50" in replace(GOOD, evenness=0.5).problems()[0]
    assert "server grew by 50 MB" in replace(GOOD, memory=(50 << 20, 50 << 20, 100 << 20)).problems()[0]
    assert "worker grew by 200 MB" in replace(GOOD, workers=(50 << 20, 50 << 20, 250 << 20)).problems()[0]
    assert spread((0.001, 0.002, 0.003)) == "median 2.0 ms, 95 % 2.0 ms, most 3.0 ms" and spread(()) == "none"
