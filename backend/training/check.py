# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a configuration fits a machine: one whole training step and one sample, with their time and memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from .engine import Stage
from .memory import PeakMemory
from .precision import Precision, choose_precision
from .turns import alone, turns_of

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Checked:
    """What a step and a sample took."""

    device: str
    precision: str
    parameters: int
    losses: dict[str, float]
    step_seconds: float
    """Of the processor, which counts while others use it too; on a graphics card by the clock."""
    step_bytes: int
    """Most memory during the step: weights, gradients, both moments of AdamW and activations."""
    sample_seconds: float
    sample_bytes: int

    @property
    def average_bytes(self) -> int:
        """What averaged weights take in addition during a run."""
        return 4 * self.parameters

    def lines(self) -> list[str]:
        """For people to read."""
        of_what = " of processor time" if self.device == "cpu" else ""
        terms = ", ".join(f"{name} {value:.4f}" for name, value in self.losses.items())
        return [
            f"{self.parameters / 1e6:.1f} million parameters on {self.device}, precision {self.precision}",
            f"one training step: {self.step_seconds:.1f} s{of_what}, at most {gib(self.step_bytes)} ({terms}); "
            f"averaged weights take {gib(self.average_bytes)} more",
            f"one sample: {self.sample_seconds:.1f} s{of_what}, at most {gib(self.sample_bytes)}",
        ]


def check(stage: Stage, sample: Callable[[], None], precision: Precision = "auto", seed: int = 0) -> Checked:
    """Take one step on the fastest device there is, all of it but the averaging, then call `sample` with the network in
    its evaluation mode."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen = choose_precision(device) if precision == "auto" else precision
    network = stage.network.to(device).train()
    turns = turns_of(stage)
    learned = [parameter for turn in turns for group in turn.groups for parameter in group.parameters]
    random = torch.Generator().manual_seed(seed)
    clock = time.process_time if device.type == "cpu" else time.monotonic
    cast = torch.autocast(device.type, DTYPES.get(chosen, torch.bfloat16), enabled=chosen in DTYPES)
    with PeakMemory(device) as step_peak:
        started = clock()
        terms: dict[str, float] = {}
        for turn in turns:
            own = [parameter for group in turn.groups for parameter in group.parameters]
            optimiser = torch.optim.AdamW(own, 1e-5, fused=True)
            with alone(turn, turns):
                with cast:
                    losses = turn.losses(random)
                torch.stack(list(losses.values())).sum().backward()
                nn.utils.clip_grad_norm_(own, 1.0)
                optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            terms |= {name: float(value.detach()) for name, value in losses.items()}
        _finish(device)
        step_seconds = clock() - started
    del optimiser, losses
    network.eval()
    with PeakMemory(device) as sample_peak, torch.inference_mode(), cast:
        started = clock()
        sample()
        _finish(device)
        sample_seconds = clock() - started
    return Checked(str(device), chosen, sum(parameter.numel() for parameter in learned), terms, step_seconds,
                   step_peak.bytes, sample_seconds, sample_peak.bytes)  # fmt: skip


def gib(count: int) -> str:
    """Bytes as GiB."""
    return f"{count / 2**30:.2f} GiB"


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
