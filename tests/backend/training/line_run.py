# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the engine as a program: `python -m tests.backend.training.line_run FOLDER STEPS PAUSE`."""

import sys
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


if __name__ == "__main__":
    folder, steps, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    torch.set_num_threads(1)
    train(SlowLine(folder, pause), EngineConfig(steps=steps, save_every=5, sheet_every=0, warm_up=3,
                                                learning_rate=0.03, precision="no"), folder)  # fmt: skip
