#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 (the checkout is put on the path first)
"""The pictures of docs/refining.md: heads before and after, from the front, at an angle, from the side and the back.

    python scripts/picture_refining.py HEAD.obj [--skin SKIN.jpg] [--refiner reproject] [--out docs/images/refining]

HEAD is read through Blender; SKIN is a picture on its UVs. Each portrait of the repository is laid onto the bare head
and onto the one with skin; `--sentences` repaint both instead.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np
from PIL import Image

from backend.cli.head_files import read_head
from backend.faces.networks import FaceFinder
from backend.geometry.cameras import orbit
from backend.pipeline.events import Finished, Painted
from backend.pipeline.head_request import HeadWish
from backend.pipeline.heads import run
from backend.pipeline.refine_request import RefineRequest
from backend.refinement.heads import place
from backend.refinement.prior import PriorSettings
from backend.surface.mesh import Mesh
from backend.surface.user_head import UserHead
from backend.texture.maps import TextureSet
from backend.texture.preview import VIEWS, picture

SIDE = 288
DISTANCE, OPENING, MIDDLE = 4.4, 0.34, (0.0, 0.2, 0.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("head", type=Path)
    parser.add_argument("--skin", type=Path)
    parser.add_argument("--refiner", default="reproject")
    parser.add_argument("--portraits", nargs="*", default=["bluford", "collins", "hopper"])
    parser.add_argument("--sentences", nargs="*", default=[])
    parser.add_argument("--heads", nargs="*", default=["bare", "skin"], choices=["bare", "skin"])
    parser.add_argument("--folder", type=Path, help="where the refiner's weights lie, unless they are the shipped ones")
    parser.add_argument("--strength", type=float, default=0.5)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "refining")
    flags = parser.parse_args()
    finder = FaceFinder(threads=1)
    with tempfile.TemporaryDirectory(prefix="maquette-") as folder:
        bare = read_head(flags.head, Path(folder)).head
    heads = {"bare": bare}
    if flags.skin is not None:
        heads["skin"] = replace(bare, image=np.asarray(Image.open(flags.skin).convert("RGB")))
    flags.out.mkdir(parents=True, exist_ok=True)
    base = RefineRequest(strength=flags.strength, views=flags.views)
    wanted = []
    for name, head in heads.items():
        if name not in flags.heads:
            continue
        for sentence in flags.sentences:
            words = sentence.removeprefix("a ").replace(" ", "_")
            wanted.append((f"{name}_{words}", head, replace(base, prompt=sentence, refiner=flags.refiner)))
        if flags.sentences:
            continue
        for who in flags.portraits:
            content = (ROOT / f"assets/portraits/{who}.jpg").read_bytes()
            wanted.append((f"{name}_{who}", head, replace(base, portrait=content, refiner=flags.refiner)))
    for name, head, asked in wanted:
        start = time.monotonic()
        rows = both(head, asked, flags.size, finder, flags.folder)
        Image.fromarray(rows).save(flags.out / f"{name}_{flags.refiner}.jpg", quality=88)
        sys.stdout.write(f"{name}: {time.monotonic() - start:.1f} s\n")
    return 0


def both(
    head: UserHead, request: RefineRequest, size: int, finder: FaceFinder, folder: Path | None = None
) -> np.ndarray:
    """The head as it came above the head as it became."""
    placed = place(head, finder, size=size)
    textures = placed.textures
    settings = PriorSettings(folder=folder)
    for event in run(head, request, HeadWish(size=size), find_faces=lambda: finder, settings=settings):
        if isinstance(event, Painted):
            textures = event.textures
        elif isinstance(event, Finished):
            for note in event.recipe["notes"]:
                sys.stdout.write(f"note: {note}\n")
    return np.concatenate([strip(placed.mesh, placed.textures), strip(placed.mesh, textures)], axis=0)


def strip(mesh: Mesh, textures: TextureSet) -> np.ndarray:
    """Four views side by side."""
    cameras = [orbit(azimuth, 0.03, DISTANCE, OPENING, MIDDLE) for azimuth in VIEWS]
    return np.concatenate([picture(mesh, textures, camera, SIDE) for camera in cameras], axis=1)


if __name__ == "__main__":
    sys.exit(main())
