# SPDX-License-Identifier: GPL-3.0-or-later
"""What every training run shares: a budget of time, checkpoints that survive a kill, averaged weights, a log."""

import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Clock:
    """How far a run has come; stored in its checkpoints."""

    minutes: float | None
    """Training time wanted, over all starts of the run; None: as long as the steps take."""
    steps: int = 0
    seconds: float = 0.0
    step_limit: int | None = None
    """Steps wanted, over all starts of the run; None: as many as the time allows."""

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, of time or of steps, whichever is nearer its end."""
        timed = self.seconds / (60 * self.minutes) if self.minutes is not None else 0.0
        counted = self.steps / self.step_limit if self.step_limit is not None else 0.0
        return min(1.0, max(timed, counted))

    def learning_rate(self, peak: float, warm_up: int = 100) -> float:
        """Linear warm-up, constant half the run, cosine to a fiftieth."""
        late = max(0.0, self.progress - 0.5) * 2
        return peak * min(1.0, (self.steps + 1) / warm_up) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * late)))

    def ticks(self, agree: Callable[[], None] = lambda: None) -> Iterator[int]:
        """Step numbers until the budget is spent; `agree` is called after each, for several processes to settle on one
        clock before they look at it."""
        while self.progress < 1:
            started = time.monotonic()
            yield self.steps
            self.steps += 1
            self.seconds += time.monotonic() - started
            agree()


Report = Callable[[Clock, str], None]
"""Told about the run now and then: where it stands, and its mean losses since the last time."""


def ignore(clock: Clock, losses: str) -> None:
    """A report that nobody reads."""


class Average:
    """Exponential moving average of a network's weights, quick at first (Karras et al. 2019)."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = {name: value.detach().clone().float() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards the network."""
        decay = min(self.decay, (1 + step) / (10 + step))
        present = network.state_dict()
        torch._foreach_lerp_([self.weights[name] for name in present], [v.float() for v in present.values()], 1 - decay)


def descend(
    losses: dict[str, Tensor],
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: Average,
    clock: Clock,
    peak: float,
) -> None:
    """One step down the sum of the losses, at the clock's share of the peak learning rate, gradients clipped."""
    for group in optimiser.param_groups:
        group["lr"] = clock.learning_rate(peak)
    optimiser.zero_grad(set_to_none=True)
    torch.stack(list(losses.values())).sum().backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    average.update(network, clock.steps)


def save_checkpoint(path: Path, clock: Clock, **state: object) -> None:
    """Write a checkpoint in one move: a kill leaves the former one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    torch.save({"steps": clock.steps, "seconds": clock.seconds, **state}, unfinished)
    unfinished.replace(path)


def load_checkpoint(path: Path, clock: Clock) -> dict[str, Any] | None:
    """The state of an earlier start of the run, if there is one; the clock goes on from there."""
    if not path.exists():
        return None
    state = torch.load(path, weights_only=True, map_location="cpu")
    clock.steps, clock.seconds = state.pop("steps"), state.pop("seconds")
    logger.info("continuing at step %d after %.0f s", clock.steps, clock.seconds)
    return state


class Curves:
    """Running means of losses, one JSON line per interval beside the checkpoint."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._sums: dict[str, list[float]] = {}

    def add(self, **losses: Tensor | float) -> None:
        """Remember one step."""
        for name, value in losses.items():
            self._sums.setdefault(name, []).append(float(value.detach() if isinstance(value, Tensor) else value))

    def means(self) -> dict[str, float]:
        """The means since the last call of `flush`."""
        return {name: sum(values) / len(values) for name, values in self._sums.items()}

    def flush(self) -> str:
        """Write the means since the last call; returns them as text."""
        means = {name: round(value, 5) for name, value in self.means().items()}
        self._sums.clear()
        row = {"step": self._clock.steps, "seconds": round(self._clock.seconds), **means}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        return ", ".join(f"{name} {value}" for name, value in means.items())
