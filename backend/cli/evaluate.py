# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette evaluate`: the generator on people that training has never seen."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .frame import Complaint
from .progress import Bar

if TYPE_CHECKING:
    from backend.evaluation.runs import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Measure the model on held-out synthetic people, each an avatar from one portrait: PSNR, SSIM and mask IoU over 36
    views around the head, Chamfer distance in per cent of the head's height."""

    seeds: range = range(1_000_000, 1_000_050)
    """Held-out people, from 1000000 up."""
    pack: Path | None = None
    """Folder of the assets (otherwise MAQUETTE_PACK)."""
    steps: int = 12
    """Denoising steps of the base model."""
    weights: Path | None = None
    """Another file of weights than the shipped one."""
    out: Path | None = None
    """Folder for each person's figures and pictures; a run that was stopped goes on from there."""
    truths: Path | None = None
    """Folder for what avatars are compared with, made once per person (otherwise in --out)."""
    workers: int = 1
    """Processes that work side by side."""
    json: bool = False
    """Print one JSON object instead of a table."""


def run(flags: Flags) -> None:
    """Evaluates person by person, then prints the means."""
    from backend.studio.parameters import EVALUATION_SEEDS

    if flags.seeds.start < EVALUATION_SEEDS:
        raise Complaint(
            f"seeds below {EVALUATION_SEEDS} may have been trained on", f"Give --seeds {EVALUATION_SEEDS}:… instead."
        )
    with tempfile.TemporaryDirectory(prefix="maquette-") as passing, Bar() as bar:
        setting = _setting(flags, Path(passing))
        report = {"model": setting.mark, **_portraits(flags, setting, bar)}
    if flags.json:
        print(json.dumps(report))
        return
    for part, means in report.items():
        if isinstance(means, dict) and "means" in means:
            print(f"{part:10}" + "  ".join(f"{name} {value}" for name, value in means["means"].items()))


def _setting(flags: Flags, passing: Path) -> Setting:
    """Where things lie; what the user names no folder for is forgotten."""
    from backend.evaluation.runs import Setting
    from backend.weights import store

    from .studio import find_pack

    return Setting(
        pack=find_pack(flags.pack), truths=flags.truths or (flags.out or passing) / "truths", out=flags.out,
        weights=flags.weights or store.DEFAULT, steps=flags.steps,
    )  # fmt: skip


def _portraits(flags: Flags, setting: Setting, bar: Bar) -> dict[str, Any]:
    from backend.evaluation.runs import evaluate, means, portrait

    records = []
    for done, record in evaluate(portrait, flags.seeds, setting, flags.workers):
        records.append(record)
        bar.update(f"portraits, {done} of {len(flags.seeds)}", done / len(flags.seeds))
    return {"portraits": {"means": means(records), "people": records}}
