#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a field to a finished surface beside what others would run: TripoSR's query, xatlas as it comes.

    python scripts/bench_surface.py                       # extraction at 256, unwrap of 60,000 faces, maps at 2048
    TRIPOSR_DIR=... python scripts/bench_surface.py       # beside TripoSR's query and bake on a decoder of our size
    HEAD_BENCH=... python scripts/bench_surface.py        # also the unwrap of an analytic head (a folder's common.py)

TripoSR's users who want a texture either wait for xatlas on the raw surface (--raw-unwrap, minutes) or simplify it
first by hand. Seconds are the processor's, of all threads: on a busy machine the clock says nothing, and the ratio of
two clocks less.
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
    parser.add_argument("--texture", type=int, default=2048)
    parser.add_argument("--skip-xatlas", action="store_true", help="leave out xatlas (some ten seconds of a free core)")
    parser.add_argument(
        "--raw-unwrap", type=int, default=0, metavar="SECONDS",
        help="xatlas on the raw surface, too, as TripoSR runs it, stopped after so many seconds of the processor",
    )  # fmt: skip
    flags = parser.parse_args()

    from bench import exhaust

    from backend.geometry.evening import even
    from backend.pipeline.glb import glb
    from backend.surface.clean import clean
    from backend.surface.extract import extract
    from backend.surface.lod import levels_of_detail
    from backend.surface.unwrap import unwrap
    from backend.synthesis import load
    from backend.synthesis.base import Condition
    from backend.texture.bake import bake, finish

    field = exhaust(load().synthesize(Condition(seed=flags.seed, portrait=None, matte=None, steps=12))).field
    # numba compiles, or loads what it compiled
    finish(field, small := unwrap(clean(extract(field, 64), 2_000), 256), bake(field, small, 64))
    shape, smoothing = timed("smooth the planes", lambda: even(field))
    rough, extraction = timed(f"extract, {flags.resolution}", lambda: extract(shape, flags.resolution))
    plain, cleaning = timed(f"clean, {len(rough.faces)} to {flags.faces} faces", lambda: clean(rough, flags.faces))
    mesh, unwrapping = timed("unwrap", lambda: unwrap(plain, flags.texture))
    show(mesh)
    timed("levels of detail, 20k, 5k, 1k", lambda: levels_of_detail(mesh, (20_000, 5_000, 1_000)))
    textures, baking = timed(f"bake, {flags.texture}", lambda: bake(field, mesh, flags.texture))
    _, writing = timed("write the GLB", lambda: glb(mesh, textures, "Avatar", {}))
    timed(f"normals, occlusion, roughness, {flags.texture}", lambda: finish(shape, mesh, textures), 1)
    if not flags.skip_xatlas:
        compare("unwrap", plain, unwrapping, flags.texture)
    if place := os.environ.get("HEAD_BENCH"):
        head = clean(extract(analytic(Path(place)), 256), flags.faces)
        laid, seconds = timed(f"analytic head: unwrap, {len(head.faces)} faces", lambda: unwrap(head, flags.texture))
        show(laid)
        if not flags.skip_xatlas:
            compare("analytic head: unwrap", head, seconds, flags.texture)
    if place := os.environ.get("TRIPOSR_DIR"):
        whole = smoothing + extraction + cleaning + unwrapping + baking + writing
        triposr(Path(place), field, flags, rough, {"extract": extraction, "bake": baking, "whole": whole})


def compare(name: str, mesh: Any, ours: float, size: int) -> None:
    """xatlas on the mesh that ours unwrapped in so many seconds."""
    theirs, seconds = timed("xatlas, its own options", lambda: by_xatlas(mesh, size), 1)
    show(theirs)
    ratio(f"{name}: xatlas", seconds, ours, 20)


def ratio(name: str, theirs: float, ours: float, wanted: float) -> None:
    """How many times our seconds theirs are, and whether that is what is wanted."""
    verdict = "reached" if theirs >= wanted * ours else "MISSED"
    print(f"{name + ' over ours':<44} {theirs / ours:8.1f} x  wanted {wanted:g}: {verdict}", flush=True)


def analytic(place: Path) -> Any:
    """The head of a folder's common.py (`head_sdf`), as a field."""
    import importlib.util

    import torch

    spec = importlib.util.spec_from_file_location("head_bench", place / "common.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    class Head:
        extent, device = 1.0, torch.device("cpu")

        def sdf(self, points: Any) -> Any:
            return module.head_sdf(points).clamp(-0.1, 0.1)

    return Head()


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


def triposr(place: Path, field: Any, flags: argparse.Namespace, rough: Any, ours: dict[str, float]) -> None:
    """TripoSR's dense query, marching cubes (scikit-image's for torchmcubes), unwrap and bake, and the ratios."""
    import numpy as np
    from bench import simplified
    from bench_triposr import Peer
    from skimage.measure import marching_cubes

    first, size = field.decoder.first, flags.texture
    them = Peer(place, first.in_features, first.out_features, 2, field.triplane.planes.shape[-1])
    _, asked = timed(f"TripoSR: query, {flags.resolution}", lambda: them.query(flags.resolution), 1)
    values = np.maximum(field.lattice(flags.resolution).cpu().numpy(), -1)
    _, cubes = timed("TripoSR: marching cubes", lambda: marching_cubes(values, 0.0), 1)
    ratio("extraction: TripoSR", asked + cubes, ours["extract"], 20 if flags.resolution < 512 else 40)
    del values
    (vertices, faces), simplifying = timed("simplify, by hand", lambda: simplified(rough, flags.faces), 1)
    (atlas, _), unwrapped = timed("TripoSR: unwrap of that", lambda: them.atlas(vertices, faces, size), 1)
    try:
        _, baked = timed(f"TripoSR: bake, {size}", lambda: them.bake(vertices, atlas, size), 1)
    except Exception as error:  # whatever the OpenGL stack raises
        print(f"TripoSR: no headless OpenGL ({type(error).__name__}): its rasterisation counts as 0", flush=True)
        _, baked = timed(f"TripoSR: colours, {size}", lambda: them.colours(size), 1)
    ratio("bake: TripoSR", baked, ours["bake"], 4)
    whole = asked + cubes + simplifying + unwrapped + baked
    ratio("field to GLB: TripoSR, simplified by hand", whole, ours["whole"], 6)
    if flags.raw_unwrap:
        raw, ended = limited(lambda: them.atlas(rough.vertices, rough.faces, size), flags.raw_unwrap)
        print(f"{'TripoSR: unwrap, raw' + ('' if ended else ', stopped'):<44} {raw:8.3f} s", flush=True)
        name = "field to GLB: TripoSR" if ended else "field to GLB: at least TripoSR"
        ratio(name, asked + cubes + raw + baked, ours["whole"], 60)


def limited(work: Callable[[], object], seconds: int) -> tuple[float, bool]:
    """Seconds of the processor that work takes in a process of its own, and whether it ended within the limit."""
    import resource

    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status, used = os.wait4(child, 0)
    if os.WIFEXITED(status) and status:
        raise SystemExit("the limited process failed")
    return used.ru_utime + used.ru_stime, status == 0


if __name__ == "__main__":
    main()
