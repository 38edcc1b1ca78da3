# SPDX-License-Identifier: GPL-3.0-or-later
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import bench_batches

from backend.synthesis.base import Condition, Progress


class Clockwork:
    """Ten milliseconds a batch and one for each of it."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.now = 0.0

    def synthesize_batch(self, conditions: Sequence[Condition]) -> Iterator[Progress]:
        for step in range(conditions[0].steps):
            self.now += 0.010 / conditions[0].steps
            yield Progress("sample", (step + 1) / conditions[0].steps)
        for _ in conditions:
            self.now += 0.001
            yield Progress("enlarge", 1.0)


def test_what_is_done_once_for_all_gets_cheaper_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Clockwork()
    monkeypatch.setattr(time, "process_time", lambda: made.now)
    one, four = bench_batches.costs(made, (1, 4), steps=5, repeats=1)
    assert one.each == pytest.approx(0.011) and four.each == pytest.approx(0.0035)
    assert one.sampled == pytest.approx(four.sampled) == pytest.approx(0.010)
