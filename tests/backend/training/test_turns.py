# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from backend.training.engine import EngineConfig, TrainingError, train
from backend.training.turns import Group, Turn, alone, turns_of
from tests.backend.training.line_run import SlowLine


class Chase:
    """One number follows a target, another follows the first and is pushed away by nothing: two optimisers."""

    name = "chase"

    def __init__(self, stop_at: int | None = None) -> None:
        torch.manual_seed(3)
        self.network = nn.ModuleDict({"first": nn.Linear(1, 1, bias=False), "second": nn.Linear(1, 2)})
        self.first, self.second = self.network["first"].weight, self.network["second"].weight
        self.share, self.stop_at, self.steps, self.rates = 1.0, stop_at, 0, []
        self.turns = (
            Turn(self.network["first"], self.losses, (Group((self.first,)),), (0.0, 0.9), 0.0),
            Turn(self.network["second"], self.follow,
                 (Group((self.second,)), Group((self.network["second"].bias,), lambda: self.share)), weight_decay=0.0),
        )  # fmt: skip

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        assert self.first.requires_grad and not self.second.requires_grad
        if self.steps == self.stop_at:
            raise KeyboardInterrupt
        self.steps += 1
        noise = 0.01 * torch.randn((), generator=random)
        return {"lead": (self.first - 2 + noise).square().sum() + 0 * self.second.sum()}

    def follow(self, random: torch.Generator) -> dict[str, Tensor]:
        assert self.second.requires_grad and not self.first.requires_grad
        return {"behind": (self.second - self.first + 0.01 * torch.randn(1)).square().sum()
                + (self.network["second"].bias - 1).square().sum()}  # fmt: skip

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Nothing to draw."""

    def record(self) -> dict[str, Any]:
        return {}


def run(out: Path, stage: Chase, **changes: Any) -> dict[str, Any]:
    settings = {"steps": 30, "save_every": 10, "sheet_every": 0, "warm_up": 5, "learning_rate": 0.05,
                "precision": "no"} | changes  # fmt: skip
    return torch.load(train(stage, EngineConfig(**settings), out), weights_only=True)


def test_two_networks_learn_each_by_its_own_optimiser(tmp_path: Path) -> None:
    state = run(tmp_path, Chase(), steps=120)
    torch.testing.assert_close(state["network"]["first.weight"], torch.full((1, 1), 2.0), atol=0.05, rtol=0)
    torch.testing.assert_close(state["network"]["second.weight"], torch.full((2, 1), 2.0), atol=0.05, rtol=0)
    first, second = state["optimiser"]
    assert first["param_groups"][0]["betas"] == (0.0, 0.9) and second["param_groups"][0]["betas"] == (0.9, 0.99)


def test_a_run_that_dies_continues_exactly(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", Chase())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", Chase(stop_at=17))
    parts = run(tmp_path / "cut", Chase())
    for name, value in whole["network"].items():
        assert torch.equal(value, parts["network"][name]), name


def test_a_group_learns_at_its_share(tmp_path: Path) -> None:
    stage = Chase()
    before = stage.network["second"].bias.detach().clone()
    stage.share = 0.0
    state = run(tmp_path, stage)
    assert torch.equal(state["network"]["second.bias"], before)
    assert not torch.equal(state["network"]["second.weight"], Chase().second)


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    run(tmp_path, Chase())
    other = Chase()
    other.turns = other.turns[:1]
    with pytest.raises(TrainingError, match="another network"):
        run(tmp_path, other, steps=40)


def test_any_stage_has_a_turn_and_gradients_come_back(tmp_path: Path) -> None:
    stage = SlowLine(tmp_path, 0.0)
    (turn,) = turns_of(stage)
    assert turn.network is stage.network and len(turn.groups[0].parameters) == 2
    chase = Chase()
    with pytest.raises(RuntimeError), alone(chase.turns[0], chase.turns):
        assert not chase.second.requires_grad
        raise RuntimeError
    assert chase.second.requires_grad
