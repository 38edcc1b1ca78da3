#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds and memory of each stage of an avatar, beside TripoSR's own parts where TRIPOSR_DIR names a check-out.

    python scripts/bench.py                      # a table
    python scripts/bench.py --json               # one object per row and line
    python scripts/bench.py --part rendering     # pictures of fitted people, beside EG3D's renderer (EG3D_DIR)
    python scripts/bench.py --part diffusion     # a whole sample, beside diffusers' UNet2DModel

Both run in one process on the same field, one after the other, so their ratio holds whatever else the machine does.
TripoSR's parts need omegaconf, einops, trimesh, imageio and moderngl beside it.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
NOT_RUN = "not run: set TRIPOSR_DIR"
NO_EG3D = "not run: set EG3D_DIR"
NO_PACK = "not run: set MAQUETTE_PACK to the assets that the studio makes people of"
REPORT = "\nimport sys; sys.path.insert(0, 'scripts'); import bench; print(bench.peak_mib())"
PORTRAIT = ROOT / "assets/portraits/hopper.jpg"
PARTS = ("avatar", "rendering", "diffusion")
PROCESSORS = {"this processor": None, "capped to AVX2": "AVX2"}
"""Name -> instruction set that oneDNN may use at most."""
PEER_SHARES = {"this processor": 1 / 8, "capped to AVX2": 1 / 3}
"""What our whole sample may take of the peer's fifty steps."""
SMALL_SHARE = 2.0
"""What it may take of twelve steps of the 15M network."""
T = TypeVar("T")


class Table:
    """Rows as they are measured."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.seconds: dict[str, float] = {}

    def row(self, stage: str, seconds: float | None, note: str = "", mib: float | None = None) -> None:
        """Print one row; seconds None means it did not run, and the note says why."""
        if seconds is not None:
            self.seconds[stage] = seconds
        if self.as_json:
            print(json.dumps({"stage": stage, "seconds": seconds, "peak_mib": mib, "note": note}), flush=True)
            return
        shown = "      -  " if seconds is None else f"{seconds:8.3f} s"
        memory = "" if mib is None else f"{mib:7.0f} MiB"
        print(f"{stage:<44} {shown} {memory:>12}  {note}", flush=True)

    def timed(self, stage: str, work: Callable[[], T], repeat: int = 1, note: str = "") -> T:
        """Run, print the best of `repeat` and the memory peak, return the result."""
        best = float("inf")
        forget_peak()
        for _ in range(repeat):
            started = time.perf_counter()
            result = work()
            best = min(best, time.perf_counter() - started)
        self.row(stage, best, note, peak_mib())
        return result

    def ratio(self, name: str, ours: float, theirs: float, wanted: float | None, peer: str = "TripoSR") -> None:
        """How our time compares, and whether that is what is wanted."""
        share = ours / theirs
        reached = None if wanted is None else share <= wanted
        if self.as_json:
            print(json.dumps({"ratio": name, "value": share, "wanted": wanted, "reached": reached}))
            return
        verdict = "" if wanted is None else f"; wanted {wanted:.3g}: {'reached' if reached else 'MISSED'}"
        print(f"{name:<52} {share:8.3f} of {peer}'s {theirs:.1f} s{verdict}")


def main() -> None:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--resolution", type=int, default=256, help="cells along the box, for both (TripoSR's 256)")
    parser.add_argument("--faces", type=int, default=20_000, help="triangles after simplification")
    parser.add_argument("--texture", type=int, default=2048, help="side of the finished texture, for both")
    parser.add_argument("--skip-raw-unwrap", action="store_true", help="leave out TripoSR's unwrapping (minutes)")
    parser.add_argument("--part", choices=("all", *PARTS), default="all", help="what to measure")
    flags = parser.parse_args()
    table = Table(flags.json)
    if flags.part in ("all", "avatar"):
        startup(table)
        field, mesh, rough = ours(table, flags)
        peer(table, flags, field, rough, mesh)
    if flags.part in ("all", "rendering"):
        rendering(table)
    if flags.part in ("all", "diffusion"):
        diffusion(table)


def startup(table: Table) -> None:
    """Processes that do nothing else."""
    for name, code in {
        "start-up: command line's help": "import backend.cli.frame",
        "start-up: add-on": "import blender_addon",
        "start-up: worker's libraries": "import torch, backend.pipeline.avatar",
    }.items():
        best, mib = float("inf"), 0.0
        for _ in range(3):
            started = time.perf_counter()
            done = subprocess.run([sys.executable, "-c", code + REPORT], cwd=ROOT, capture_output=True, check=True)
            best, mib = min(best, time.perf_counter() - started), float(done.stdout)
        table.row(name, best, mib=mib)


def ours(table: Table, flags: argparse.Namespace) -> tuple[Any, Any, Any]:
    """Each stage of an avatar from a portrait; the field, the mesh and the raw surface."""
    from backend.faces.networks import FaceFinder
    from backend.faces.portrait import load_portrait
    from backend.geometry.cameras import orbit
    from backend.geometry.rendering import render
    from backend.refinement import REFINERS
    from backend.surface.clean import clean
    from backend.surface.extract import extract
    from backend.surface.unwrap import unwrap
    from backend.synthesis import load
    from backend.synthesis.base import Condition
    from backend.texture.bake import bake
    from backend.texture.preview import preview

    synthesizer = table.timed("load the generator", load)
    finder = table.timed("load the face networks", FaceFinder)
    portrait = table.timed("portrait: face, crop, matte", lambda: load_portrait(PORTRAIT.read_bytes(), finder), 2)
    condition = Condition(seed=1, portrait=portrait.crop, matte=portrait.matte, steps=12)
    field = table.timed("sample, 12 steps", lambda: exhaust(synthesizer.synthesize(condition)), 2).field
    rough = table.timed(f"extract, {flags.resolution}", lambda: extract(field, flags.resolution), 3)
    plain = table.timed(f"clean, {len(rough.faces)} to {flags.faces} faces", lambda: clean(rough, flags.faces), 3)
    mesh = table.timed("unwrap", lambda: unwrap(plain, flags.texture), 2)
    bake(field, mesh, 32)  # numba compiles, or loads what it compiled
    first = table.timed("first texture, 256", lambda: bake(field, mesh, 256), 3)
    for size in (1024, 2048):
        table.timed(f"bake, {size}", lambda size=size: bake(field, mesh, size), 3)  # type: ignore[misc]
    resampled = table.timed(
        f"refine: resample, {flags.texture}",
        lambda: _last(REFINERS["resample"].refine(field, mesh, first, portrait, size=flags.texture)),
        2,
    )
    final = table.timed(
        f"refine: reproject, {flags.texture}",
        lambda: _last(REFINERS["reproject"].refine(field, mesh, resampled, portrait, size=flags.texture)),
        2,
    )
    table.timed("preview strip, 4 x 384", lambda: preview(mesh, final, 384), 2)
    for side in (128, 512):
        table.timed(f"render the field, {side}", lambda side=side: render(field, orbit(0.3), side, side), 3)  # type: ignore[misc]
    return field, mesh, rough


def _last(better: Iterator[Any]) -> Any:
    """The finished texture of a refiner, which also says how far it is."""
    return list(better)[-1]


def peer(table: Table, flags: argparse.Namespace, field: Any, rough: Any, mesh: Any) -> None:
    """TripoSR's mesh extraction and texture bake, and the two ratios that are wanted."""
    from skimage.measure import marching_cubes

    size, place = flags.texture, os.environ.get("TRIPOSR_DIR")
    names: tuple[str, ...] = (
        f"TripoSR: query, {flags.resolution}",
        "TripoSR: marching cubes",
        "TripoSR: unwrap its mesh",
    )
    names += (f"TripoSR: rasterise, {size}", f"TripoSR: colours, {size}", "TripoSR with our simplify before: unwrap")
    if not place:
        for name in names:
            table.row(name, None, NOT_RUN)
        return
    from bench_triposr import Peer

    first = field.decoder.first
    them = Peer(Path(place), first.in_features, first.out_features, 2, field.triplane.planes.shape[-1])
    table.row(names[0], them.query(flags.resolution), "dense; planes and decoder of our size", peak_mib())
    values = field.lattice(flags.resolution).cpu().numpy()
    table.timed(names[1], lambda: marching_cubes(values, 0.0), note="scikit-image stands in for torchmcubes")
    if flags.skip_raw_unwrap:
        table.row(names[2], None, "not run: --skip-raw-unwrap")
    else:
        _, seconds = them.atlas(rough.vertices, rough.faces, size)
        table.row(names[2], seconds, f"xatlas on {len(rough.faces)} faces, as TripoSR has it")
    atlas, seconds = them.atlas(*simplified(rough, flags.faces), size)
    table.row(names[5], seconds, f"{flags.faces} faces: a step its users must add")
    vertices = simplified(rough, flags.faces)[0]
    try:
        drawn, coloured = them.bake(vertices, atlas, size)
        table.row(names[3], drawn)
    except Exception as error:  # whatever the OpenGL stack raises
        table.row(names[3], None, f"not run, counted as 0: no headless OpenGL ({type(error).__name__})")
        drawn, coloured = 0.0, them.colours(size)
    table.row(names[4], coloured, "every texel, filled or not")
    conclude(table, flags, names, drawn + coloured)


def rendering(table: Table) -> None:
    """Pictures of fitted people with long hair, on small planes and on large ones; medians of interleaved repeats."""
    place, pack = os.environ.get("EG3D_DIR"), os.environ.get("MAQUETTE_PACK")
    if not place:
        table.row("EG3D: 128 x 128, 48 + 48 samples", None, NO_EG3D)
    if not pack:
        table.row("render fitted people", None, NO_PACK)
        return
    from bench_eg3d import compare, enlarged, people

    folder = Path(place) if place else None
    for number, (hair, small, sample) in enumerate(people(Path(pack))):
        cases = {f"{hair}, 64x64x16": small}
        if number == 0:
            cases[f"{hair}, 256x256x32"] = enlarged(small, sample)
        for name, field in cases.items():
            seconds, psnr = compare(field, folder)
            for stage, median in seconds.items():
                note = f"{psnr:.1f} dB to the converged picture" if stage == "ours 128" else ""
                table.row(f"{name}: {stage}", median, note)
            if (theirs := seconds.get("EG3D 128")) is not None:
                first = seconds["map"] + seconds["ours 128"]
                table.ratio(f"{name}: ours 128", seconds["ours 128"], theirs, 1 / 40, "EG3D 128")
                table.ratio(f"{name}: ours 128 with its map", first, theirs, 1 / 40, "EG3D 128")
                table.ratio(f"{name}: ours 512", seconds["ours 512"], theirs, 1 / 4, "EG3D 128")


def diffusion(table: Table) -> None:
    """A whole sample beside diffusers' network, in a process of its own for each instruction set."""
    from bench_diffusion import OURS, PEER, SMALL

    for processor, cap in PROCESSORS.items():
        environment = os.environ | ({"ONEDNN_MAX_CPU_ISA": cap} if cap else {})
        command = [sys.executable, str(ROOT / "scripts/bench_diffusion.py")]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode:
            table.row(f"{processor}: {OURS}", None, f"not run: {done.stderr.strip().splitlines()[-1]}")
            continue
        seconds, parameters = json.loads(done.stdout)
        for stage, median in seconds.items():
            table.row(f"{processor}: {stage}", median, f"{parameters[stage] / 1e6:.1f} M parameters")
        if cap is None:
            table.ratio(f"{processor}: whole sample", seconds[OURS], seconds[SMALL], SMALL_SHARE, "12 steps of 15M")
        table.ratio(f"{processor}: whole sample", seconds[OURS], seconds[PEER], PEER_SHARES[processor], "50 DDIM steps")


def conclude(table: Table, flags: argparse.Namespace, names: tuple[str, ...], bake: float) -> None:
    """The wanted ratios, against TripoSR as it is and with simplification added by hand."""
    took = table.seconds

    def total(*starts: str) -> float:
        return sum(seconds for stage, seconds in took.items() if stage.startswith(starts))

    shaped = total("portrait:", "sample", "extract", "clean", "unwrap")
    first = shaped + total("first texture")
    finished = first + total("refine:", "preview strip")
    mesh = took[names[0]] + took[names[1]]
    table.row("ours: portrait to first textured mesh", first)
    table.row("ours: portrait to finished avatar", finished)
    cases = (("", took.get(names[2]), 1 / 3, 1.0), (" with our simplify", took[names[5]], None, None))
    for label, unwrap, wanted_first, wanted_finished in cases:
        if unwrap is not None:
            theirs = mesh + unwrap + bake
            table.row(f"TripoSR{label}: extraction and bake", theirs, "without its sampling")
            table.ratio(f"first textured mesh, TripoSR{label}", first, theirs, wanted_first)
            table.ratio(f"finished avatar, TripoSR{label}", finished, theirs, wanted_finished)


def simplified(rough: Any, faces: int) -> tuple[Any, Any]:
    """What a TripoSR user would insert."""
    import fast_simplification

    return fast_simplification.simplify(rough.vertices, rough.faces, target_count=faces)


def exhaust(steps: Any) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return done.value


def forget_peak() -> None:
    """Start a new memory peak, where the system can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_mib() -> float:
    """Largest resident memory since `forget_peak`, or of the whole process."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
