#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of docs/styles.md: the same people before, and in styles that `maquette adapt` made.

python scripts/picture_styles.py marble golden zombie green-hair
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.adaptation.adaptable import opened  # noqa: E402 (the checkout is put on the path first)
from backend.evaluation.styles import TRUNCATION, people, shown  # noqa: E402
from backend.weights import library  # noqa: E402

PEOPLE, SEED, SIDE, TURN, SAMPLES = 8, 7, 112, 0.4, 48


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("styles", nargs="+", help="names of styles of one generator")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "styles_people.jpg")
    flags = parser.parse_args()
    known = library.entries()
    if missing := [name for name in flags.styles if name not in known or not known[name].recipe]:
        parser.error(f"no styles of these names: {', '.join(missing)}")
    before = opened((known[flags.styles[0]].recipe or {})["model"])
    who = people(before, PEOPLE, SEED, TRUNCATION)
    with torch.no_grad():
        rows = [shown(generator, who, SIDE, (TURN,), SAMPLES)[:, :3]
                for generator in (before, *(opened(name) for name in flags.styles))]  # fmt: skip
    picture = torch.cat([torch.cat(list(row), 2) for row in rows], 1).permute(1, 2, 0).numpy()
    flags.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((picture.clip(0, 1) * 255).round().astype(np.uint8)).save(flags.out, quality=88)
    return 0


if __name__ == "__main__":
    sys.exit(main())
