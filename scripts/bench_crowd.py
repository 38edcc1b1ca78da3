#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What crowds cost as they grow: time, memory and file of `maquette populate`, and what opening the scene takes.

    python scripts/bench_crowd.py --folder bench_crowd [--counts 200 2000 10000] [--distinct 24 96] [--killed 8]

The first number of distinct people is used for every count, the others for the first count; everyone is made once and
kept in the folder. `--killed N` makes N new people,
kills the command (SIGKILL) when half of them are there, and runs it again. Needs the bpy module.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPENING = """
import resource, sys, time
import bpy
began = time.monotonic()
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
depsgraph = bpy.context.evaluated_depsgraph_get()
shown = sum(each.is_instance or each.object.type == "MESH" for each in depsgraph.object_instances)
print("opened", time.monotonic() - began, shown, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one crowd; seconds and bytes."""

    count: int
    distinct: int
    made: int
    """People that were made for it; all others were there."""
    seconds: float
    peak: int
    """Of the largest process."""
    file: int
    opened: float
    """Until the scene is open and evaluated."""
    opened_peak: int
    shown: int
    """Instances and objects that Blender then has."""

    def row(self) -> str:
        """In a table of Markdown."""
        sizes = (f"{size / (1 << 20):.0f} MB" for size in (self.peak, self.file, self.opened_peak))
        peak, file, opened_peak = sizes
        return (
            f"| {self.count} | {self.distinct} | {self.made} | {self.seconds:.0f} s | {peak} | {file} | "
            f"{self.opened:.1f} s | {opened_peak} | {self.shown} |"
        )


HEAD = """| people | distinct | made now | time | most memory | file | opens in | with | shows |
|---|---|---|---|---|---|---|---|---|"""


def spec_of(count: int, seeds: Sequence[int]) -> dict[str, object]:
    """On a grid; the viewport shows the coarsest level, as for ten thousand in docs/crowds.md."""
    lod = {"faces": [60000, 20000, 5000, 1000, 250], "viewport": 4}
    return {"count": count, "seeds": list(seeds), "layout": {"kind": "grid"}, "lod": lod}


def command(folder: Path, name: str, spec: dict[str, object]) -> list[str]:
    """`maquette populate` for this specification, in the folder."""
    file = folder / f"{name}.json"
    file.write_text(json.dumps(spec))
    wanted = [sys.executable, "-m", "backend", "populate", file, "--out", folder / f"{name}.blend"]
    return [str(each) for each in (*wanted, "--store", folder / "people", "--overwrite", "--in-process")]


def measured(folder: Path, count: int, distinct: int) -> Cost:
    """Populates and opens. Raises CalledProcessError."""
    blend, began = folder / f"crowd_{count}_{distinct}.blend", time.monotonic()
    call = command(folder, blend.stem, spec_of(count, range(1, distinct + 1)))
    with open(folder / f"{blend.stem}.log", "w+") as log:
        process = subprocess.Popen(call, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)  # of it and of all that it waited for
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = log.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, call, said)
    seconds = time.monotonic() - began
    opening = subprocess.run([sys.executable, "-c", OPENING, blend], check=True, capture_output=True, text=True)
    opened, shown, opened_peak = opening.stdout.split("opened ")[1].split()[:3]
    return Cost(
        count, distinct, made_of(said), seconds, used.ru_maxrss << 10, blend.stat().st_size,
        float(opened), int(opened_peak), int(shown),
    )  # fmt: skip


def made_of(said: str) -> int:
    """How many people the command says that it made."""
    found = re.search(r"\((\d+) made now\)", said)
    return int(found[1]) if found else 0


def killed(folder: Path, distinct: int) -> tuple[int, int]:
    """New people of whom half were there when the command was killed: how many were, and how many the next one made."""
    first = 1 + int(time.time())  # seeds that nobody made before
    call, people = command(folder, "killed", spec_of(distinct, range(first, first + distinct))), folder / "people"
    before = _finished(people)
    process = subprocess.Popen(call, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while _finished(people) < before + distinct // 2 and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = _finished(people) - before
    again = subprocess.run(call, cwd=ROOT, check=True, capture_output=True, text=True)
    return there, made_of(again.stdout)


def _finished(people: Path) -> int:
    return sum(1 for _ in people.glob("*/recipe.json"))


def main() -> int:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "bench_crowd")
    parser.add_argument("--counts", type=int, nargs="+", default=[200, 2000, 10_000])
    parser.add_argument("--distinct", type=int, nargs="+", default=[24])
    parser.add_argument("--killed", type=int, default=0)
    flags = parser.parse_args()
    folder = flags.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    print(HEAD, flush=True)
    pairs = [(count, flags.distinct[0]) for count in flags.counts]
    pairs += [(max(flags.counts[0], distinct), distinct) for distinct in flags.distinct[1:]]
    for count, distinct in pairs:
        print(measured(folder, count, distinct).row(), flush=True)
    if flags.killed:
        there, made = killed(folder, flags.killed)
        print(f"killed when {there} of {flags.killed} were there; the next run made {made}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
