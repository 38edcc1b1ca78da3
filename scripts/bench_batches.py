#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 (the checkout is put on the path first)
"""Whether avatars that are sampled together cost less than one after the other, on the device that is asked about.

    python scripts/bench_batches.py [--device auto] [--sizes 1 2 4 8] [--steps 8]

Printed for each size of batch: seconds per avatar (best of some runs; on the processor, seconds of its time), beside
one alone, and when the first of the batch is there. The server batches nothing unless this pays; see docs/serving.md.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch

from backend.synthesis import load
from backend.synthesis.base import Condition, Progress
from backend.synthesis.rodin import Rodin

REPEATS = 3


class Batches(Protocol):
    """What can sample several avatars at once."""

    device: torch.device

    def synthesize_batch(self, conditions: Sequence[Condition]) -> Iterator[Progress]: ...


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a batch; seconds, of the processor's time where that is the device."""

    size: int
    whole: float
    sampled: float
    """Of these, for the network that is asked for all at once."""

    @property
    def each(self) -> float:
        """Per avatar."""
        return self.whole / self.size


def costs(made: Batches, sizes: Sequence[int], steps: int, repeats: int = REPEATS) -> list[Cost]:
    """The best of some runs for each size, after one that is not counted."""
    found = []
    for size in sizes:
        conditions = [Condition(seed=seed, steps=steps) for seed in range(size)]
        runs = [_once(made, conditions) for _ in range(repeats + 1)][1:]
        whole, sampled = min(runs)
        found.append(Cost(size, whole, sampled))
    return found


def _once(made: Batches, conditions: Sequence[Condition]) -> tuple[float, float]:
    clock = time.perf_counter if made.device.type == "cuda" else time.process_time
    began, sampled = clock(), 0.0
    for progress in made.synthesize_batch(conditions):
        if progress.stage == "sample":
            sampled = clock() - began
    if made.device.type == "cuda":
        torch.cuda.synchronize(made.device)
    return clock() - began, sampled


def main() -> int:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--steps", type=int, default=8, help="of the base model (8, the draft preset's)")
    flags = parser.parse_args()
    made = load(device=flags.device)
    assert isinstance(made, Rodin), "only the shipped generator samples several at once"
    print("| together | seconds each | of one alone | network, each | first one there after |\n|---|---|---|---|---|")
    alone = None
    for cost in costs(made, flags.sizes, flags.steps):
        alone = alone or cost.each
        print(
            f"| {cost.size} | {cost.each:.2f} | {100 * cost.each / alone:.0f} % | {cost.sampled / cost.size:.2f} | "
            f"{cost.sampled + (cost.whole - cost.sampled) / cost.size:.2f} s |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
