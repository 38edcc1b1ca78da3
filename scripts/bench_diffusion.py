# SPDX-License-Identifier: GPL-3.0-or-later
"""The default model's whole sample beside diffusers' UNet2DModel: steps of its 15M size, and what its users run.

The peer makes planes of 64² with 16 channels, rolled out: fewer numbers than ours (field planes of 256²).
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SHAPE = (1, 16, 64, 192)
"""The roll-out that numbers of the 15M network are known for."""
WIDTHS_15M = (64, 96, 160, 224)
OURS, SMALL, PEER = (
    "ours: whole sample",
    "UNet2DModel 15M: 12 steps, bf16",
    "UNet2DModel, size of ours: 50 DDIM steps, fp32",
)
REPEATS = 3


def unet2d(widths: tuple[int, ...]) -> Any:
    """The peer: two layers a level, attention at the lowest."""
    from diffusers import UNet2DModel

    levels = len(widths)
    network: Any = UNet2DModel(
        sample_size=SHAPE[2:], in_channels=SHAPE[1], out_channels=SHAPE[1], block_out_channels=widths,
        layers_per_block=2, attention_head_dim=32,
        down_block_types=("DownBlock2D",) * (levels - 1) + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * (levels - 1),
    )  # fmt: skip
    return network.eval()


def of_size(parameters: int) -> Any:
    """The peer with about as many parameters: all widths grow together, in steps of 32, which is what norms and heads
    need."""
    best, low, high = None, 0.3, 4.0
    for _ in range(7):
        scale = (low + high) / 2
        widths = tuple(max(32, 32 * round(scale * width / 32)) for width in WIDTHS_15M)
        with torch.device("meta"):
            count = size(unet2d(widths))
        if best is None or abs(count - parameters) < abs(best[0] - parameters):
            best = count, widths
        low, high = (scale, high) if count < parameters else (low, scale)
    assert best is not None
    return unet2d(best[1])


def size(network: Any) -> int:
    """Parameters of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def steps_bf16(count: int) -> Callable[[], Tensor]:
    """So many steps of the 15M network in bfloat16, channels last; the solver's own arithmetic costs nothing beside."""
    network = unet2d(WIDTHS_15M).bfloat16().to(memory_format=torch.channels_last)
    x = torch.randn(SHAPE).bfloat16().contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run() -> Tensor:
        out = x
        for step in range(count):
            out = network(x, torch.tensor([999 - 80 * step])).sample
        return out

    return run


def ddim_fp32(network: Any, count: int = 50) -> Callable[[], Tensor]:
    """What its users run: DDIM in single precision."""
    from diffusers import DDIMScheduler

    scheduler: Any = DDIMScheduler(num_train_timesteps=1000)

    @torch.inference_mode()
    def run() -> Tensor:
        scheduler.set_timesteps(count)
        x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
        for step in scheduler.timesteps:
            x = scheduler.step(network(x, step).sample, step, x).prev_sample
        return x

    return run


def ours(steps: int = 12) -> tuple[Any, Callable[[], Any]]:
    """The shipped generator and its whole sample from a portrait, with the previews that users see."""
    from backend.synthesis import load
    from backend.synthesis.base import Condition

    synthesizer = load()
    portrait = np.random.default_rng(0).integers(0, 255, (256, 256, 3)).astype(np.uint8)
    condition = Condition(seed=1, portrait=portrait, pose=(0.0, 0.0), steps=steps)

    def run() -> Any:
        sampling = synthesizer.synthesize(condition)
        while True:
            try:
                next(sampling)
            except StopIteration as done:
                return done.value

    return synthesizer, run


def compare() -> tuple[dict[str, float], dict[str, int]]:
    """Median seconds of interleaved repeats, and parameters."""
    synthesizer, sample = ours()
    own = sum(size(module) for module in synthesizer.model.modules().values())
    peer = of_size(own)
    runs: dict[str, Callable[[], Any]] = {OURS: sample, SMALL: steps_bf16(12), PEER: ddim_fp32(peer)}
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(REPEATS + 1):
        for name, work in runs.items():  # one after the other, so that all see the same machine
            if not repeat and name == PEER:
                continue  # fifty steps need no warming up
            started = time.perf_counter()
            work()
            if repeat:
                taken[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    return medians, {OURS: own, SMALL: size(unet2d(WIDTHS_15M)), PEER: size(peer)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compare()))
