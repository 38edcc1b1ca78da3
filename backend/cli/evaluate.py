# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette evaluate`: portrait to avatar on people that training has never seen."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from .frame import Complaint
from .progress import Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Measure the shipped model on held-out synthetic people: PSNR, SSIM, mask IoU, Chamfer; fitting as the ceiling."""

    seeds: range = range(1_000_000, 1_000_020)
    """Held-out people, from 1000000 up."""
    pack: Path | None = None
    """Folder of the assets (otherwise MAQUETTE_PACK)."""
    steps: int = 12
    """Denoising steps."""
    weights: Path | None = None
    """Another file of weights than the shipped one."""
    out: Path | None = None
    """Folder for evaluation.png: portrait, then truth, avatar and fit from three sides."""
    json: bool = False
    """Print one JSON object instead of a table."""


def run(flags: Flags) -> None:
    """Evaluates person by person, then prints the means."""
    from backend.evaluation.held_out import evaluate_person, summary
    from backend.studio.assets import Pack
    from backend.studio.parameters import EVALUATION_SEEDS
    from backend.synthesis.rodin import Rodin
    from backend.weights import store

    from .studio import find_pack

    if flags.seeds.start < EVALUATION_SEEDS:
        raise Complaint(
            f"seeds below {EVALUATION_SEEDS} may have been trained on", f"Give --seeds {EVALUATION_SEEDS}:… instead."
        )
    import torch

    pack = Pack(find_pack(flags.pack))
    synthesizer = Rodin.load(torch.device("cpu"), flags.weights or store.DEFAULT)
    rows, strips = [], []
    with Bar() as bar:
        for done, seed in enumerate(flags.seeds):
            bar.update(f"person {seed}", done / len(flags.seeds))
            row, strip = evaluate_person(seed, pack, synthesizer, flags.steps)
            rows.append(row)
            strips.append(strip)
    means = summary(rows)
    if flags.out is not None:
        import numpy as np
        from PIL import Image

        flags.out.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.concatenate(strips)).save(flags.out / "evaluation.png")
    if flags.json:
        people = [asdict(row) for row in rows]
        print(json.dumps({"model": synthesizer.model_hash, "steps": flags.steps, "means": means, "people": people}))
        return
    for kind, scores in means.items():
        print(f"{kind:9}" + "  ".join(f"{name} {value}" for name, value in scores.items()))
