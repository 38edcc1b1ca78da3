#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the add-on ever holds Blender's window: ticks of a 10 ms timer for a minute while three jobs run.

    python scripts/trace_timer.py --blender /path/to/blender [--seconds 60] [--preset standard] [--without-views]

Outside Blender it builds and installs the extension into a profile of its own and starts a backend; Blender opens
a window, keeps three jobs under way, writes dist/trace/ticks.jsonl and ends. What is printed and stored: each gap
between two ticks beyond the timer's own 10 ms, and in processor time, for which a busy machine counts for nothing,
what the main thread worked in it and what of that was the add-on's. The rest is Blender's drawing, above all where a
processor draws in the place of a graphics card, and other programs. Where that is so, --without-views shows text
editors in the place of the 3D views: what then remains of a stall is all that a graphics card would not do.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE = "bl_ext.user_default.maquette"
RUNNER = "tests.integration.life_size:LifeSize"
"""Sends what real avatars weigh and leaves the processor to Blender."""
JOBS = 3
TICK = 0.01
LIMIT = 0.1
CALM_SECONDS = 5.0
"""The jobs begin when Blender has drawn its first pictures: after so long without a stall over `CALM_GAP`."""
CALM_GAP = 0.05
WARM_SECONDS = 90.0
"""They begin in any case after this."""
DRAWING_SECONDS = 10.0
"""Before and after the jobs: the 3D views are drawn anew twice a second and nothing else happens."""
PARTS = ("start", "drawing", "jobs", "after")
"""start: Blender's first pictures, and the one avatar; drawing: that one; after: all that were finished."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender", default="blender", help="the program, with arguments before ours if need be")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--preset", default="standard", help="standard has textures of 1024 texels a side, high 2048")
    parser.add_argument("--without-views", action="store_true", help="no 3D view is open, so that none is drawn")
    parser.add_argument("--runner", default=RUNNER, help="what the workers load; empty: the real one")
    parser.add_argument("--folder", type=Path, default=ROOT, help="checkout whose backend is asked")
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "trace")
    flags = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from blender_addon import launcher
    from scripts.build_extension import build
    from scripts.test_in_blender import PLATFORMS

    flags.out.mkdir(parents=True, exist_ok=True)
    ticks = flags.out / "ticks.jsonl"
    ticks.unlink(missing_ok=True)
    archive = build(PLATFORMS[sys.platform], ROOT / "dist")
    blender = shlex.split(flags.blender)
    with tempfile.TemporaryDirectory(prefix="maquette-") as folder:
        store = Path(folder) / "store"
        order = {"seconds": flags.seconds, "preset": flags.preset, "out": str(ticks), "views": not flags.without_views}
        environment = {**os.environ, "BLENDER_USER_RESOURCES": f"{folder}/profile", "MAQUETTE_STATE": str(store)}
        environment["MAQUETTE_TRACE"] = json.dumps(order)
        install = ["--command", "extension", "install-file", "-r", "user_default", "-e", str(archive)]
        subprocess.run([*blender, *install], env=environment, check=True, stdout=subprocess.DEVNULL)
        command = [sys.executable, "-m", "backend", "serve"] + (["--runner", flags.runner] if flags.runner else [])
        backend = launcher.start(command, store, folder=flags.folder)
        try:
            backend.wait(60)
            subprocess.run([*blender, "--python", str(Path(__file__).resolve())], env=environment, check=True)
        finally:
            backend.stop()
    return report(ticks)


def report(path: Path) -> int:
    """Prints the figures of a trace; status 1 if the add-on held the window for longer than LIMIT."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    status = 0
    for part in PARTS:
        gaps = [(each["gap"] - TICK, each["own"]) for each in lines if each["part"] == part]
        if not gaps:
            continue
        stalls = sorted(gap for gap, _ in gaps)
        own = max(own for _, own in gaps)
        busy = max(each["busy"] for each in lines if each["part"] == part)
        middle, high = stalls[len(stalls) // 2], stalls[int(len(stalls) * 0.99)]
        print(
            f"{part:6s} {len(gaps):6d} ticks; stalls: median {1000 * middle:.1f} ms, 99 % below {1000 * high:.1f} ms, "
            f"longest {1000 * stalls[-1]:.1f} ms; most work of the main thread {1000 * busy:.1f} ms, "
            f"of the add-on {1000 * own:.1f} ms"
        )
        for each in sorted((e for e in lines if e["part"] == part), key=lambda e: -e["gap"])[:5]:
            gap, ours, note = 1000 * each["gap"], 1000 * each["own"], each["what"] or "no tick of ours"
            print(f"         at {each['at']:6.2f} s  {gap:6.1f} ms, ours {ours:5.1f} ({note})")
        status |= part == "jobs" and own > LIMIT
    ends = [each for each in lines if each["part"] == "end"]
    done = ends[0]["ended"] if ends else []
    finished = done.count("done")
    print(f"       {finished} avatars were finished meanwhile, {len(done) - finished} jobs ended otherwise")
    return int(status)


def inside() -> None:
    """What runs in Blender's window: the trace."""
    import importlib

    import bpy

    order = json.loads(os.environ["MAQUETTE_TRACE"])
    session = importlib.import_module(f"{MODULE}.session")
    avatars = importlib.import_module(f"{MODULE}.avatars")
    out = open(order["out"], "w")  # noqa: SIM115 - closed by the last tick
    began = time.perf_counter()
    spent: dict[str, float] = {}
    last = stalled = began
    worked = time.thread_time()
    part, since = PARTS[0], began
    seed, ended = 0, []
    submitted: set[str] = set()
    bpy.context.preferences.view.show_splash = False
    bpy.context.preferences.system.viewport_aa = "OFF"  # or each change is drawn eight times over

    def timed(owner: object, name: str, label: str) -> None:
        plain = getattr(owner, name)

        def measured(*values: object) -> object:
            start = time.thread_time()
            try:
                return plain(*values)
            finally:
                spent[label] = spent.get(label, 0.0) + time.thread_time() - start

        setattr(owner, name, measured)

    timed(session.Session, "pump", "pump")
    timed(avatars.Avatar, "show", "show")
    timed(avatars, "_push_undo", "undo")

    def tick() -> float | None:
        nonlocal last, worked, seed, stalled, part, since
        now, live = time.perf_counter(), session.current()
        if not order["views"]:
            for area in (each for window in bpy.context.window_manager.windows for each in window.screen.areas):
                if area.type == "VIEW_3D":
                    area.type = "TEXT_EDITOR"
        if now - last > CALM_GAP + TICK:
            stalled = now
        if part == "start" and (now > stalled + CALM_SECONDS or now > began + WARM_SECONDS):
            part, since = "drawing", now
        elif part == "drawing" and now > since + DRAWING_SECONDS:
            part, since = "jobs", now
        elif part == "jobs" and now > since + order["seconds"]:
            part, since = "after", now
            for key in submitted:
                live.cancel(key)
        what = ", ".join(f"{name} {1000 * value:.0f}" for name, value in spent.items())
        gap = {"part": part, "at": now - began, "gap": now - last, "what": what}
        gap["busy"], worked = time.thread_time() - worked, time.thread_time()
        out.write(json.dumps(gap | {"own": spent.get("pump", 0.0)}) + "\n")
        spent.clear()
        if part in ("drawing", "after") and int(2 * now) != int(2 * last):
            for window in bpy.context.window_manager.windows:
                for area in window.screen.areas:
                    if area.type == "VIEW_3D":
                        area.tag_redraw()
        if part == "start":
            if live.client is None:
                live.connect()
            elif live.ready and not live.avatars:
                bpy.ops.maquette.generate(seed=0, preset=order["preset"])
        elif part == "jobs" and live.ready:
            for key, each in live.avatars.items():
                if each.job.phase.over and key in submitted:
                    submitted.discard(key)
                    ended.append(each.job.phase.value)
            if len(submitted) < JOBS:
                seed += 1
                before = {*live.avatars}
                bpy.ops.maquette.generate(seed=seed, preset=order["preset"])
                submitted.update({*live.avatars} - before)
        last = time.perf_counter()
        if part == "after" and now > since + DRAWING_SECONDS:
            out.write(json.dumps({"part": "end", "ended": ended}) + "\n")
            out.close()
            bpy.ops.wm.quit_blender()
            return None
        return TICK

    bpy.app.timers.register(tick, first_interval=3.0)
    began = last = stalled = time.perf_counter() + 3.0


if __name__ == "__main__":
    if "bpy" in sys.modules:
        inside()
    else:
        sys.exit(main())
