# SPDX-License-Identifier: GPL-3.0-or-later
import json
import multiprocessing
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from backend.training.engine import EngineConfig, TrainingError, train
from tests.backend.training import line_run

FORK = multiprocessing.get_context("fork")
"""Children find everything imported: the test takes a second instead of many."""
TRUTH = torch.tensor([[1.0, -2.0, 0.5]])


class Line:
    """Learns a plane through noisy points; draws on both random states, as stages do."""

    name = "line"

    def __init__(self, stop_at: int | None = None, width: int = 3) -> None:
        torch.manual_seed(7)
        self.network: nn.Module = nn.Linear(width, 1)
        self.steps, self.stop_at, self.progress = 0, stop_at, -1.0

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        if self.steps == self.stop_at:
            raise KeyboardInterrupt
        self.steps += 1
        x = torch.randn(8, self.network.in_features, generator=random)
        target = (x * TRUTH).sum(1, keepdim=True) + 0.01 * torch.randn(8, 1)
        return {"square": (self.network(x) - target).square().mean(), "size": 0 * self.network.bias.sum()}

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        torch.rand(5)  # a picture's noise must not change the run
        shade = int(average_weights["weight"].abs().sum().clamp(max=1) * 255)
        Image.new("RGB", (4, 4), (shade, 0, 0)).save(path)

    def record(self) -> dict[str, Any]:
        return {"configs": {"line": {"width": 3}}, "mean": torch.ones(2)}


def run(out: Path, stage: Line | None = None, **changes: Any) -> dict[str, Any]:
    settings = {"steps": 30, "save_every": 10, "sheet_every": 0, "warm_up": 5, "learning_rate": 0.05} | changes
    return torch.load(train(stage or Line(), EngineConfig(**settings), out), weights_only=True)


def test_it_learns_and_leaves_what_the_contract_says(tmp_path: Path) -> None:
    stage = Line()
    state = run(tmp_path, stage, steps=300, precision="no", sheet_every=150)
    assert set(state) >= {"steps", "seconds", "network", "optimiser", "average", "random", "record"}
    assert state["steps"] == 300 and stage.steps == 300 and stage.progress == pytest.approx(299 / 300)
    torch.testing.assert_close(state["average"]["weight"], TRUTH, atol=0.05, rtol=0)
    assert state["record"]["configs"] == {"line": {"width": 3}} and torch.equal(state["record"]["mean"], torch.ones(2))
    rows = [json.loads(line) for line in (tmp_path / "line.jsonl").read_text().splitlines()]
    assert len(rows) == 30 and rows[-1]["square"] < 0.01 < rows[0]["square"]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["line_000150.png", "line_000300.png"]
    assert list((tmp_path / "curves/line").glob("events.*"))


@pytest.mark.parametrize("sheet_every", [0, 7])
def test_a_run_that_dies_continues_exactly(tmp_path: Path, sheet_every: int) -> None:
    whole = run(tmp_path / "whole", sheet_every=sheet_every)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", Line(stop_at=17), sheet_every=sheet_every)
    resumed = Line()
    parts = run(tmp_path / "cut", resumed, sheet_every=sheet_every)
    assert resumed.steps == 20  # from the checkpoint after ten
    for kind in ("network", "average"):
        for name, value in whole[kind].items():
            assert torch.equal(value, parts[kind][name]), (kind, name)
    assert torch.equal(whole["random"], parts["random"])


def test_a_finished_run_is_left_alone_and_a_longer_budget_continues_it(tmp_path: Path) -> None:
    run(tmp_path)
    stage = Line()
    assert run(tmp_path, stage)["steps"] == 30 and stage.steps == 0
    assert run(tmp_path, stage, steps=34)["steps"] == 34 and stage.steps == 4


def test_accumulated_minibatches_are_one_step(tmp_path: Path) -> None:
    stage = Line()
    state = run(tmp_path, stage, steps=4, accumulate=3, precision="no", average=0.0)
    assert stage.steps == 12 and state["steps"] == 4
    steps = next(iter(state["optimiser"]["state"].values()))["step"]
    assert float(steps) == 4


def test_half_precision_computes_in_it_and_keeps_full_weights(tmp_path: Path) -> None:
    class Watching(Line):
        def losses(self, random: torch.Generator) -> dict[str, Tensor]:
            seen.append(self.network(torch.ones(1, 3)).dtype)
            return super().losses(random)

    seen: list[torch.dtype] = []
    state = run(tmp_path / "half", Watching(), steps=2, precision="bf16")
    run(tmp_path / "full", Watching(), steps=2, precision="no")
    assert seen == [torch.bfloat16] * 2 + [torch.float32] * 2
    assert state["network"]["weight"].dtype == torch.float32


def test_a_time_budget_ends_the_run(tmp_path: Path) -> None:
    state = run(tmp_path, steps=None, minutes=0.2 / 60)
    assert state["steps"] > 1 and 0.2 <= state["seconds"] < 2


def test_frozen_parameters_stay(tmp_path: Path) -> None:
    stage = Line()
    stage.network.bias.requires_grad_(False)
    before = stage.network.bias.clone()
    assert torch.equal(run(tmp_path, stage)["network"]["bias"], before)


def test_runs_that_cannot_be_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="needs a budget"):
        run(tmp_path, steps=None)
    with pytest.raises(TrainingError, match="fp16 trains on graphics cards"):
        run(tmp_path, precision="fp16")
    run(tmp_path, steps=1)
    with pytest.raises(TrainingError, match="another network") as refusal:
        run(tmp_path, Line(width=1), steps=2)
    assert refusal.value.hint


def test_endless_infinite_gradients_end_the_run_and_keep_the_weights(tmp_path: Path) -> None:
    class Diverging(Line):
        def losses(self, random: torch.Generator) -> dict[str, Tensor]:
            return {"square": self.network.weight.sum() * float("inf")}

    stage = Diverging()
    with pytest.raises(TrainingError, match="no finite gradient"):
        run(tmp_path, stage, steps=100)
    assert stage.network.weight.isfinite().all()


def test_a_run_killed_by_the_system_continues_exactly(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    line_run.run(whole, 30)
    victim = FORK.Process(target=line_run.run, args=(cut, 30, 0.05))
    victim.start()
    while not (cut / "line.pt").exists() and victim.is_alive():
        time.sleep(0.01)
    victim.kill()
    victim.join()
    assert victim.exitcode == -signal.SIGKILL
    assert 0 < torch.load(cut / "line.pt", weights_only=True)["steps"] < 30
    line_run.run(cut, 30)
    states = [torch.load(folder / "line.pt", weights_only=True) for folder in (whole, cut)]
    for kind in ("network", "average"):
        assert all(torch.equal(value, states[1][kind][name]) for name, value in states[0][kind].items())


def test_several_processes_learn_one_network_from_minibatches_of_their_own(tmp_path: Path) -> None:
    for steps in (5, 10):  # the second start goes on where the first stopped
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        both = [FORK.Process(target=line_run.run_one_of, args=(2, rank, port, tmp_path, steps)) for rank in range(2)]
        for process in both:
            process.start()
        for process in both:
            process.join()
        assert [process.exitcode for process in both] == [0, 0]
    state = torch.load(tmp_path / "line.pt", weights_only=True)
    assert state["steps"] == 10 and state["random"].shape[0] == 2
    assert not torch.equal(state["random"][0], state["random"][1])
    first, second = (torch.load(tmp_path / f"weights_{rank}.pt", weights_only=True) for rank in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    # Two processes drew in the first start and again in the second, never the same.
    assert len(list(tmp_path.glob("first_*.txt"))) == 4
