#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a field to a finished surface beside what others would run: TripoSR's query, xatlas as it comes.

    python scripts/bench_surface.py                       # extraction at 256, unwrap of 60,000 faces, maps at 1024
    TRIPOSR_DIR=... python scripts/bench_surface.py       # with TripoSR's dense query on a decoder of our size

Seconds are the processor's, of all threads: on a busy machine the clock says nothing, and the ratio of two clocks less.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
T = TypeVar("T")


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--faces", type=int, default=60_000)
    parser.add_argument("--texture", type=int, default=1024)
    parser.add_argument("--skip-xatlas", action="store_true", help="leave out xatlas (some ten seconds of a free core)")
    flags = parser.parse_args()

    from bench import exhaust

    from backend.surface.clean import clean
    from backend.surface.extract import extract
    from backend.surface.lod import levels_of_detail
    from backend.surface.unwrap import unwrap
    from backend.synthesis import load
    from backend.synthesis.base import Condition
    from backend.texture.bake import bake, finish

    field = exhaust(load().synthesize(Condition(seed=flags.seed, portrait=None, matte=None, steps=4))).field
    unwrap(clean(extract(field, 64), 2_000), 256)  # numba compiles, or loads what it compiled
    rough, extraction = timed(f"extract, {flags.resolution}", lambda: extract(field, flags.resolution))
    plain, _ = timed(f"clean, {len(rough.faces)} to {flags.faces} faces", lambda: clean(rough, flags.faces))
    mesh, unwrapping = timed("unwrap", lambda: unwrap(plain, flags.texture))
    show(mesh)
    timed("levels of detail, 20k, 5k, 1k", lambda: levels_of_detail(mesh, (20_000, 5_000, 1_000)))
    textures, _ = timed(f"bake, {flags.texture}", lambda: bake(field, mesh, flags.texture))
    timed(f"normals, occlusion, roughness, {flags.texture}", lambda: finish(field, mesh, textures))
    if not flags.skip_xatlas:
        theirs, seconds = timed("xatlas, its own options", lambda: by_xatlas(plain, flags.texture), 1)
        show(theirs)
        print(f"{'unwrap: xatlas over ours':<44} {seconds / unwrapping:8.1f} x")
    if place := os.environ.get("TRIPOSR_DIR"):
        asked = query(Path(place), field, flags.resolution)
        print(f"{'extraction: TripoSR query + cubes over ours':<44} {asked / extraction:8.1f} x")


def timed(stage: str, work: Callable[[], T], repeat: int = 2) -> tuple[T, float]:
    """Run, print the best of `repeat`, return result and seconds."""
    best = float("inf")
    for _ in range(repeat):
        started = time.process_time()
        result = work()
        best = min(best, time.process_time() - started)
    print(f"{stage:<44} {best:8.3f} s", flush=True)
    return result, best


def show(mesh: Any) -> None:
    """Charts, stretch (area-weighted symmetric Dirichlet energy, 1 = isometric) and the used share of the square."""
    import numpy as np

    from backend.surface.flatten import distortion, pieces

    corners = mesh.uv[mesh.faces].astype(np.float64)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    turn = np.sign(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    used = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum() / 2
    flat = mesh.uv.astype(np.float64) @ np.array([1, 1j]) * np.sqrt(mesh.areas().sum() / used)
    chart = pieces(mesh.faces, len(flat))
    # xatlas mirrors charts as it likes: each counts the way most of it lies.
    mirrored = np.bincount(chart[mesh.faces[:, 0]], turn, chart.max() + 1) < 0
    energy, areas = distortion(mesh, np.where(mirrored[chart], flat.conj(), flat))
    stretch = (np.minimum(energy, 50) * areas).sum() / areas.sum()
    print(f"{'':<44} {chart.max() + 1} charts, stretch {stretch:.3f}, {100 * used:.0f} % used", flush=True)


def by_xatlas(mesh: Any, size: int) -> Any:
    """What a user gets who calls it with its own options."""
    import numpy as np
    import xatlas

    from backend.surface.mesh import Mesh

    atlas = xatlas.Atlas()
    atlas.add_mesh(mesh.vertices, mesh.faces.astype(np.uint32))
    packing = xatlas.PackOptions()
    packing.resolution, packing.padding, packing.bilinear = size, 4, True
    atlas.generate(xatlas.ChartOptions(), packing)
    origin, faces, uv = atlas[0]
    return Mesh(mesh.vertices[origin], faces.astype(np.int32), uv)


def query(place: Path, field: Any, resolution: int) -> float:
    """TripoSR's dense query and marching cubes (scikit-image's for torchmcubes), seconds."""
    from bench_triposr import Peer
    from skimage.measure import marching_cubes

    first = field.decoder.first
    them = Peer(place, first.in_features, first.out_features, 2, field.triplane.planes.shape[-1])
    _, asked = timed(f"TripoSR: query, {resolution}", lambda: them.query(resolution), 1)
    values = field.lattice(resolution).cpu().numpy()
    _, cubes = timed("TripoSR: marching cubes", lambda: marching_cubes(values, 0.0), 1)
    return asked + cubes


if __name__ == "__main__":
    main()
