# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette train`: learn to generate the planes that `maquette fit` made, and write the weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Learn the base diffusion model; a killed run goes on where it was. Writes the weights at the end."""

    people: Path
    """Folder of shards."""
    fit: Path
    """Checkpoint of `maquette fit`."""
    out: Path
    """Folder for the checkpoint, the curve, sample grids and default.safetensors."""
    minutes: float = 60.0
    """Training time over all starts of the run."""
    seed: int = 0
    """Start of all randomness."""


def run(flags: Flags) -> None:
    """Trains, leaving pictures now and then, and exports."""
    from backend.models.triplane_unet import UNetConfig
    from backend.training.cascade import CascadeConfig, train_cascade
    from backend.training.export import export_weights

    from .progress import Bar

    with Bar() as bar:
        checkpoint = train_cascade(
            flags.people,
            flags.fit,
            flags.out,
            CascadeConfig(minutes=flags.minutes),
            UNetConfig(),
            flags.seed,
            report=lambda clock, losses: bar.update(f"training, step {clock.steps}: {losses}", clock.progress),
        )
    weights = export_weights(flags.fit, checkpoint, flags.out / "default.safetensors")
    print(f"wrote {weights}; copy it over backend/weights/default.safetensors to ship it")
