# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import torch

from backend.training.loop import Average, Clock, load_checkpoint, save_checkpoint


def test_clock_continues_from_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    assert load_checkpoint(path, Clock(1)) is None
    save_checkpoint(path, Clock(1, steps=7, seconds=30.0), weights={"a": torch.ones(2)})
    clock = Clock(1)
    state = load_checkpoint(path, clock)
    assert (clock.steps, clock.progress) == (7, 0.5) and torch.equal(state["weights"]["a"], torch.ones(2))
    assert not list(tmp_path.glob("*.part"))


def test_learning_rate_warms_up_holds_and_falls() -> None:
    assert Clock(1).learning_rate(1.0) == 0.01
    assert Clock(1, steps=500, seconds=25).learning_rate(1.0) == 1.0
    assert Clock(1, steps=500, seconds=60).learning_rate(1.0) == 0.02


def test_average_follows_slowly() -> None:
    network = torch.nn.Linear(2, 2)
    average = Average(network, 0.9)
    before = average.weights["weight"].clone()
    torch.nn.init.constant_(network.weight, 5.0)
    average.update(network, step=1000)
    torch.testing.assert_close(average.weights["weight"], 0.9 * before + 0.5)


def test_processes_settle_on_one_clock_before_they_look_at_it() -> None:
    clock = Clock(None, step_limit=100)

    def agree() -> None:
        clock.steps = max(clock.steps, 99)  # as the clock of another process says

    assert list(clock.ticks(agree)) == [0, 99]
