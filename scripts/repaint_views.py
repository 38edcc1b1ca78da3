#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Held-out views repainted by a prior: a table of scores and a picture of worn, repainted and true views.

maquette studio sittings --seeds 1000000:1000008 --out held
python scripts/repaint_views.py --data held --out held.jpg
"""

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backend.evaluation.repainting import Repainted, mean, repaint
from backend.refinement.prior import PriorSettings, load_prior
from backend.studio.sittings import HEADS
from backend.training.look_set import LookSet
from backend.training.render_loss import encoder_features
from backend.weights import store

STRENGTHS = (0.3, 0.5, 0.8)
SHOWN = 6
"""Views in the picture."""


def main() -> None:
    """Prints a line per strength, before and after."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of held-out shards of maquette studio sittings"
    )
    parser.add_argument("--out", type=Path, required=True, help="picture to write")
    parser.add_argument("--prior", default="diffuse-local")
    parser.add_argument("--folder", type=Path, help="where the prior's weights lie, unless they are the shipped ones")
    parser.add_argument("--people", type=int, default=8)
    flags = parser.parse_args()
    torch.set_num_threads(1)
    prior = load_prior(flags.prior, PriorSettings(folder=flags.folder))
    embedding = store.load().embedding
    people = LookSet(flags.data, training=False)
    features = encoder_features(embedding.portrait_encoder)
    views = [(person, person % HEADS) for person in range(min(flags.people, len(people)))]
    rows: list[np.ndarray] = []
    print(f"{'strength':>8} {'':>7} {'PSNR':>6} {'detail':>7} {'misplaced':>9} {'features':>9} {'seconds':>8}")
    for strength in STRENGTHS:
        started = time.perf_counter()
        results = repaint(prior, people, views, strength, features)
        seconds = (time.perf_counter() - started) / len(results)
        for name in ("before", "after"):
            scores = asdict(mean([getattr(result, name) for result in results]))
            took = f"{seconds:8.2f}" if name == "after" else ""
            print(f"{strength:8.1f} {name:>7} {scores['psnr']:6.2f} {scores['detail']:7.3f} {scores['error']:9.3f} "
                  f"{scores['features']:9.4f} {took}")  # fmt: skip
        rows += _rows(results[:SHOWN], first=not rows)
    flags.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(flags.out, quality=90)


def _rows(results: list[Repainted], first: bool) -> list[np.ndarray]:
    """Worn above repainted; the first time the truth above both."""
    names = (["truth"] if first else []) + ["worn", "painted"]
    return [np.concatenate([getattr(result, name) for result in results], 1) for name in names]


if __name__ == "__main__":
    main()
