# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette fit`: learn the field decoder and the planes of all people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Learn planes and decoder from shards of `maquette studio make`; a killed run goes on where it was."""

    people: Path
    """Folder of shards."""
    out: Path
    """Folder for the checkpoint fit.pt and the curve fit.jsonl."""
    minutes: float = 20.0
    """Training time over all starts of the run."""
    seed: int = 0
    """Start of all randomness."""


def run(flags: Flags) -> None:
    """Trains and says where the checkpoint is."""
    from backend.models.plane_codec import CodecConfig
    from backend.training.fit import FitConfig, fit

    from .progress import Bar

    with Bar() as bar:
        path = fit(
            flags.people,
            flags.out,
            FitConfig(minutes=flags.minutes),
            CodecConfig(),
            flags.seed,
            report=lambda clock, losses: bar.update(f"fitting, step {clock.steps}: {losses}", clock.progress),
        )
    print(f"wrote {path}")
