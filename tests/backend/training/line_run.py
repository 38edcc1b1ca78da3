# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the engine in a process of its own, to be killed or to be one of several."""

import os
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from backend.training.engine import EngineConfig, train


class SlowLine:
    """Learns the sum of three numbers, with a pause in each step so that it can be killed in the middle; writes what
    each process draws first."""

    name = "line"

    def __init__(self, out: Path, pause: float) -> None:
        torch.manual_seed(3)
        self.network = nn.Linear(3, 1)
        self.out, self.pause, self.drawn = out, pause, False

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        time.sleep(self.pause)
        x = torch.randn(4, 3, generator=random)
        if not self.drawn:
            self.drawn = True
            self.out.mkdir(parents=True, exist_ok=True)
            (self.out / f"first_{float(x[0, 0]):.6f}.txt").touch()
        return {"square": (self.network(x) - x.sum(1, keepdim=True)).square().mean()}

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Nothing to draw."""

    def record(self) -> dict[str, Any]:
        return {}


def run(folder: Path, steps: int, pause: float = 0.0) -> nn.Module:
    """Train for so many steps over all starts; returns the network."""
    torch.set_num_threads(1)
    config = EngineConfig(steps=steps, save_every=5, sheet_every=0, warm_up=3, learning_rate=0.03, precision="no")
    stage = SlowLine(folder, pause)
    train(stage, config, folder)
    return stage.network


def run_one_of(count: int, rank: int, port: int, folder: Path, steps: int) -> None:
    """The same as one of several processes, as `accelerate launch` sets them up."""
    from accelerate.state import AcceleratorState

    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    os.environ.update(MASTER_ADDR="127.0.0.1", ACCELERATE_USE_CPU="true")
    AcceleratorState._reset_state(reset_partial_state=True)
    torch.save(run(folder, steps).state_dict(), folder / f"weights_{rank}.pt")
    torch.distributed.destroy_process_group()
