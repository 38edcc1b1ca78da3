# SPDX-License-Identifier: GPL-3.0-or-later
"""The one loop that trains every stage, on accelerate: one CPU, one card or many, in half precision, resumable.

`accelerate launch` starts it on several devices; each draws its own minibatches and the gradients are averaged. A stage
says what is learned and from what; the engine owns steps, averages, checkpoints, curves and pictures. A stage whose
networks answer each other has several turns in a step, with an optimiser each (`turns.Alternating`).
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from .loop import Average, Clock, Curves, Report, ignore, load_checkpoint, save_checkpoint
from .precision import Precision, choose_precision
from .turns import Turn, alone, turns_of

logger = logging.getLogger(__name__)
PATIENCE = 25
"""Steps in a row without a finite gradient after which a run is lost."""


class TrainingError(Exception):
    """A run that cannot start or go on."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Stage(Protocol):
    """What is learned, and from what."""

    @property
    def name(self) -> str:
        """Of the checkpoint, `<name>.pt`, and of the pictures."""
        ...

    @property
    def network(self) -> nn.Module:
        """What is learned; parameters that need no gradient stay as they are. Its device is where minibatches
        belong."""
        ...

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Weighted losses of one minibatch, drawn by `random` (on the CPU) and computed through `network`.

        Runs under autocast where the run is in half precision: whatever must be exact casts to float32, or runs under
        `torch.autocast(..., enabled=False)`.
        """
        ...

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Draw a picture, PNG, of what a network with these weights can do; there may be nothing to draw."""
        ...

    def record(self) -> dict[str, Any]:
        """What the checkpoint must hold beside weights: configurations as plain values, and tensors."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A stage that wants to know how far the run has come."""

    progress: float
    """Share of the budget that is spent; written before every step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """How a stage is trained. Of minutes and steps, what comes first ends the run."""

    minutes: float | None = None
    """Training time over all starts of the run."""
    steps: int | None = None
    """Steps over all starts of the run."""
    learning_rate: float = 5e-4
    """Peak of AdamW's: after the warm-up it holds for half the run, then falls to a fiftieth along a cosine."""
    warm_up: int = 100
    """Steps until the peak."""
    weight_decay: float = 0.01
    clip: float = 1.0
    """Greatest norm of a gradient."""
    average: float = 0.999
    """Decay of the averaged weights."""
    accumulate: int = 1
    """Minibatches per step and process."""
    precision: Precision = "auto"
    save_every: int = 100
    """Steps between checkpoints, points of the curves and reports."""
    sheet_every: int = 500
    """Steps between sample sheets; 0: none."""
    seed: int = 0


def train(stage: Stage, config: EngineConfig, out: Path, report: Report = ignore) -> Path:
    """Train until the budget is spent; returns the checkpoint, which also continues a killed run.

    A run that counts steps and is killed ends with the very weights of one that is not, on one device and with as many
    processes. The folder also gets `<name>.jsonl`, TensorBoard's `curves/` and the sheets `<name>_<step>.png`.

    Raises TrainingError if there is no budget, if the checkpoint in the folder is of another network, or if gradients
    stay infinite.
    """
    run = _Run(stage, config, out)
    for step in run.clock.ticks(run.agree):
        if isinstance(stage, Paced):
            stage.progress = run.clock.progress
        run.step()
        if (step + 1) % config.save_every == 0:
            run.save(report, steps=step + 1)
        if config.sheet_every and (step + 1) % config.sheet_every == 0:
            run.sheet(step + 1)
    run.save(report, steps=run.clock.steps)
    run.close()
    return run.checkpoint


class _Objective(nn.Module):
    """The losses as a module's forward pass, whatever methods of the network they call: the shape in which
    accelerate casts, scales and averages."""

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self.network = turn.network
        self._losses = turn.losses

    def forward(self, random: torch.Generator) -> dict[str, Tensor]:
        return self._losses(random)


class _Learner:
    """One turn with its optimiser."""

    def __init__(self, turn: Turn, config: EngineConfig, accelerator: Any) -> None:
        self.turn = turn
        self.learned = [parameter for group in turn.groups for parameter in group.parameters]
        decay = config.weight_decay if turn.weight_decay is None else turn.weight_decay
        groups = [{"params": list(group.parameters)} for group in turn.groups]
        optimiser = torch.optim.AdamW(groups, config.learning_rate, betas=turn.betas, weight_decay=decay, fused=True)
        self.objective, self.optimiser = accelerator.prepare(_Objective(turn), optimiser)
        self.infinite = 0
        """Steps in a row without a finite gradient."""

    def pace(self, learning_rate: float) -> None:
        """Set the step's rates."""
        for group, own in zip(self.optimiser.param_groups, self.turn.groups, strict=True):
            group["lr"] = learning_rate * own.share()


class _Run:
    """The state of a run in one process."""

    def __init__(self, stage: Stage, config: EngineConfig, out: Path) -> None:
        if config.minutes is None and config.steps is None:
            raise TrainingError("a run needs a budget", "Give minutes, steps or both.")
        self.stage, self.config, self.out = stage, config, out
        self.accelerator = _accelerator(config)
        rank = self.accelerator.process_index
        torch.manual_seed(config.seed + rank)
        self.random = torch.Generator().manual_seed(config.seed + rank)
        self.clock = Clock(config.minutes, step_limit=config.steps)
        self.checkpoint = out / f"{stage.name}.pt"
        self.turns = turns_of(stage)
        self.learners = [_Learner(turn, config, self.accelerator) for turn in self.turns]
        self.average = Average(stage.network, config.average)
        self._resume()
        self.curves = Curves(out / f"{stage.name}.jsonl", self.clock)
        self.writer: Any = None
        if self.accelerator.is_main_process:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(out / "curves" / stage.name, purge_step=self.clock.steps or None)

    def step(self) -> None:
        """One step: in each turn, down the sum of its losses."""
        rate = self.clock.learning_rate(self.config.learning_rate, self.config.warm_up)
        for learner in self.learners:
            if not learner.turn.due():
                continue
            learner.pace(rate)
            with alone(learner.turn, self.turns):
                self._take(learner)
        self.average.update(self.stage.network, self.clock.steps)

    def _take(self, learner: _Learner) -> None:
        for _ in range(self.config.accumulate):
            with self.accelerator.accumulate(learner.objective):
                losses = learner.objective(self.random)
                self.accelerator.backward(torch.stack(list(losses.values())).sum())
                self.curves.add(**losses)
                if self.accelerator.sync_gradients:
                    self._descend(learner)

    def _descend(self, learner: _Learner) -> None:
        norm = self.accelerator.clip_grad_norm_(learner.learned, self.config.clip)
        learner.infinite = 0 if bool(norm.isfinite()) else learner.infinite + 1
        # Scaled float16 losses overflow now and then by design: their optimiser skips such steps by itself.
        if not learner.infinite or self.accelerator.scaler is not None:
            learner.optimiser.step()
        learner.optimiser.zero_grad()
        if learner.infinite > PATIENCE:
            raise TrainingError(
                f"{self.stage.name}: no finite gradient in {PATIENCE} steps, at step {self.clock.steps}",
                f"Lower the learning rate and continue from {self.checkpoint}, or train in full precision.",
            )

    def agree(self) -> None:
        """Make all processes end in the same step: the first one's clock counts."""
        if self.accelerator.num_processes > 1:
            from accelerate.utils import broadcast

            seconds = torch.tensor(self.clock.seconds, dtype=torch.float64, device=self.accelerator.device)
            self.clock.seconds = float(broadcast(seconds))

    def save(self, report: Report, steps: int) -> None:
        """Write checkpoint and curves after so many steps, and report them."""
        drawn = self.accelerator.gather(self._random_state()[None].to(self.accelerator.device)).cpu()
        if not self.accelerator.is_main_process:
            return
        now = Clock(self.config.minutes, steps, self.clock.seconds, self.config.steps)
        if means := self.curves.means():
            means["learning_rate"] = self.learners[0].optimiser.param_groups[0]["lr"]
            for name, mean in means.items():
                self.writer.add_scalar(f"{self.stage.name}/{name}", mean, steps)
            self.writer.flush()
            report(now, self.curves.flush())
        scaler = self.accelerator.scaler
        optimisers = [learner.optimiser.state_dict() for learner in self.learners]
        save_checkpoint(
            self.checkpoint, now, network=self.stage.network.state_dict(),
            optimiser=optimisers[0] if len(optimisers) == 1 else optimisers,
            average=self.average.weights, random=drawn, record=self.stage.record(),
            scaler=scaler.state_dict() if scaler is not None else {},
        )  # fmt: skip

    def sheet(self, steps: int) -> None:
        """Have the stage draw what the averaged weights can do."""
        if not self.accelerator.is_main_process:
            return
        path = self.out / f"{self.stage.name}_{steps:06d}.png"
        with torch.random.fork_rng():
            self.stage.sheet(self.average.weights, path)
        if path.exists():
            picture = np.asarray(Image.open(path).convert("RGB"))
            self.writer.add_image(self.stage.name, picture, steps, dataformats="HWC")

    def close(self) -> None:
        """Write what the curves still hold."""
        if self.writer is not None:
            self.writer.close()
        self.accelerator.wait_for_everyone()

    def _random_state(self) -> Tensor:
        return torch.stack([self.random.get_state(), torch.get_rng_state()])

    def _resume(self) -> None:
        state = load_checkpoint(self.checkpoint, self.clock)
        if state is None:
            return
        try:
            self.stage.network.load_state_dict(state["network"])
            found = state["optimiser"]
            optimisers = found if isinstance(found, list) else [found]
            for learner, optimiser in zip(self.learners, optimisers, strict=True):
                learner.optimiser.load_state_dict(optimiser)
        except (RuntimeError, ValueError) as error:
            raise TrainingError(
                f"{self.checkpoint} holds another network than the one to be trained",
                "Train in an empty folder, or with the configuration that the run was started with.",
            ) from error
        for name, value in state["average"].items():
            self.average.weights[name].copy_(value)
        if self.accelerator.scaler is not None and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        if len(state["random"]) == processes:
            generator, everywhere = state["random"][rank]
            # Torch reads a state from the start of its storage: a view would be the wrong one.
            self.random.set_state(generator.clone())
            torch.set_rng_state(everywhere.clone())
        else:  # on another number of devices: no minibatch is drawn twice
            self.random.manual_seed(self.config.seed + rank + 1000 * (1 + self.clock.steps))


def _accelerator(config: EngineConfig) -> Any:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedDataParallelKwargs, parse_flag_from_env

    # It remembers the precision of the first run in a process, and refuses another.
    AcceleratorState._reset_state()
    # Several processes on CPUs find each other only if told so here.
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    device = PartialState(cpu=cpu).device
    precision = choose_precision(device) if config.precision == "auto" else config.precision
    if precision == "fp16" and device.type != "cuda":
        raise TrainingError(f"fp16 trains on graphics cards, this is {device.type}", "Say auto, bf16 or no.")
    # A stage may leave parts of its network out of some steps.
    several = DistributedDataParallelKwargs(find_unused_parameters=True, broadcast_buffers=False)
    return Accelerator(
        cpu=cpu, mixed_precision=precision, gradient_accumulation_steps=config.accumulate, kwargs_handlers=[several]
    )
