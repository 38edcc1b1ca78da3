# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette populate`: a crowd from a specification file into a .blend, people made by a backend or in this process."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .frame import Complaint
from .making import running_backend
from .progress import Bar

if TYPE_CHECKING:
    from blender_addon.crowd.gather import Maker
    from blender_addon.crowd.spec import CrowdSpec
    from blender_addon.crowd.store import Store
    from blender_addon.protocol import Event, JobRequest

ROOT = Path(__file__).resolve().parents[2]
INSIDE = """
import importlib.util, sys
# Only this package: the libraries beside it may be for another Python than Blender's.
spec = importlib.util.spec_from_file_location("blender_addon", {init!r})
sys.modules["blender_addon"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from blender_addon import crowd_scene
crowd_scene.run_file({job!r})
"""
RESULT = "maquette populate: "
OLDEST_BLENDER = (4, 2)
TAIL_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Put a crowd into a Blender scene, as a JSON file describes it (see the schema: --schema).

    People who are finished are kept beside the scene and used again: an interrupted run goes on where it was.
    """

    spec: Path | None = field(default=None, metadata={"positional": True})
    """The crowd's specification, a JSON file."""
    out: Path | None = None
    """The .blend file to write; its manifest, who stands where, is written beside it as NAME.crowd.json."""
    store: Path | None = None
    """Folder of finished people; NAME.people beside the scene unless given."""
    blender: str = ""
    """The Blender to use without a window; unless given, the bpy module, else `blender` on the search path."""
    device: str = "auto"
    """Where to compute in this process: auto, cpu, cuda or cuda:N."""
    in_process: bool = False
    """Compute in this process even if a backend runs."""
    schema: bool = False
    """Print the specification's JSON Schema and end."""
    overwrite: bool = False
    """Replace a scene that is already there."""


def run(flags: Flags) -> None:
    """Writes scene and manifest and says where they are."""
    from blender_addon.crowd import spec as specs
    from blender_addon.crowd.store import Store

    if flags.schema:
        print(json.dumps(specs.published_schema(), indent=2))
        return
    if flags.spec is None or flags.out is None:
        raise Complaint("the specification and --out are both needed", "maquette populate crowd.json --out scene.blend")
    out = flags.out.resolve()
    spec = specs.read_spec(flags.spec)
    _check_out(out, flags.overwrite)
    blender = blender_command(flags.blender)
    folder = (flags.store or out.with_suffix(".people")).resolve()
    manifest = out.with_suffix(".crowd.json")
    start = time.monotonic()
    job = {"spec": specs.plain(spec), "store": str(folder), "people": None, "out": str(out), "manifest": str(manifest)}
    _check_room(spec, blender, job)
    with Bar() as bar:
        people, made = _people(spec, Store(folder), flags, bar)
        bar.update("placing", 1.0)
        answer = _in_blender(blender, job | {"people": people})
    print(
        f"{time.monotonic() - start:.1f} s; {answer['count']} people, {len(people)} distinct ({made} made now);"
        f" wrote {out} and {manifest}"
    )


def _check_out(out: Path, overwrite: bool) -> None:
    if out.suffix != ".blend":
        raise Complaint(f"--out must be a .blend file, got {out.name}")
    if out.exists() and not overwrite:
        raise Complaint(f"{out} is there already", "Choose another name, or add --overwrite.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise Complaint(
            f"{out.parent} cannot be written: {error.strerror or error}", "Choose a folder of your own."
        ) from error


def _check_room(spec: CrowdSpec, blender: list[str], job: dict[str, Any]) -> None:
    """Whether everyone fits, before minutes go into people; only objects of a scene need Blender for that."""
    from blender_addon.crowd.plan import Terrain, arranged

    if spec.scene is None and not (spec.layout.object or spec.layout.ground):
        arranged(spec, Terrain())
    else:
        _in_blender(blender, job)


def _people(spec: CrowdSpec, store: Store, flags: Flags, bar: Bar) -> tuple[list[str], int]:
    """Names of the spec's people, all of them in the store now, and how many were made for that."""
    from blender_addon.crowd.gather import gather

    made: set[int] = set()
    with _maker(flags, bar) as (make, capabilities):
        steps = gather(spec, store, make, capabilities)
        try:
            while True:
                told = next(steps)
                if told.stage:
                    made.add(told.done)
                bar.update(told.words, told.fraction)
        except StopIteration as done:
            return [each.key for each in done.value], len(made)
        finally:
            steps.close()


@contextmanager
def _maker(flags: Flags, bar: Bar) -> Iterator[tuple[Maker, dict[str, Any]]]:
    """What makes people: the backend that runs here, or this process, which loads the generator when first asked."""
    connection = None if flags.in_process else running_backend()
    if connection is None:
        from backend.pipeline.presets import PRESETS
        from backend.pipeline.request import KINDS, MIXED, OPTIONS
        from backend.synthesis import available

        runners: list[Any] = []

        def make(request: JobRequest) -> Iterator[Event | None]:
            from backend.service.errors import JobError
            from backend.service.translate import AvatarRunner
            from blender_addon.protocol import Failed

            if not runners:
                bar.update("loading the generator", 0.0)
                runners.append(AvatarRunner(flags.device))
            try:
                yield from runners[0].run(request)
            except JobError as error:
                yield Failed(request.job_id, error.code, error.message, error.hint)

        able = {"presets": PRESETS, "options": OPTIONS, "sources": MIXED, "kinds": KINDS}
        plain = {name: list(values) for name, values in able.items()}
        yield make, plain | {"synthesizer_inputs": {name: list(each) for name, each in available().items()}}
        return
    from blender_addon.client import Client
    from blender_addon.crowd.gather import through
    from blender_addon.protocol import ProtocolError

    client = Client(connection, "maquette populate")
    try:
        client.connect(10)
        assert client.welcome is not None
        yield through(client), dict(client.welcome.capabilities)
    except ProtocolError as error:
        raise Complaint(str(error), "Try again with --in-process.") from error
    finally:
        client.close()


def blender_command(asked: str) -> list[str]:
    """The command that runs Python inside Blender, up to the code. Raises Complaint where there is none."""
    if not asked and find_spec("bpy") is not None:
        return [sys.executable, "-c"]
    found = shutil.which(asked or "blender")
    if found is None:
        if asked:
            raise Complaint(f"{asked} is no program", "Give the path of Blender's program to --blender.")
        raise Complaint(
            "there is neither the bpy module nor a blender on the search path",
            "Install one (pip install maquette[blender]), or name Blender's program with --blender.",
        )
    try:
        told = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Complaint(f"{found} cannot be started: {error}", "Name another Blender with --blender.") from error
    version = re.search(r"Blender (\d+)\.(\d+)", told.stdout)
    if version is None or (int(version[1]), int(version[2])) < OLDEST_BLENDER:
        raise Complaint(f"{found} is no Blender from 4.2 on", "Name another one with --blender.")
    return [found, "--background", "--factory-startup", "--python-exit-code", "1", "--python-expr"]


def _in_blender(command: list[str], job: dict[str, Any], root: Path = ROOT) -> dict[str, Any]:
    """Runs the add-on's `crowd_scene.run_file` in a process of its own and returns its answer. Raises Complaint."""
    code = INSIDE.format(init=str(root / "blender_addon" / "__init__.py"), job=json.dumps(job))
    with tempfile.TemporaryDirectory(prefix="maquette-") as folder:
        # Thousands of points would not fit onto a command line.
        script = Path(folder, "inside.py")
        script.write_text(code, encoding="utf-8")
        line = f"exec(compile(open({str(script)!r}, encoding='utf-8').read(), 'populate', 'exec'))"
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
        done = subprocess.run([*command, line], capture_output=True, text=True, errors="replace", env=environment)
    answers = [each.removeprefix(RESULT) for each in done.stdout.splitlines() if each.startswith(RESULT)]
    if not answers:
        tail = [each for each in (done.stdout + done.stderr).splitlines() if each.strip()][-TAIL_LINES:]
        raise Complaint(f"Blender ended with status {done.returncode} before the scene was written", " | ".join(tail))
    answer: dict[str, Any] = json.loads(answers[-1])
    if "message" in answer:
        raise Complaint(answer["message"], answer["hint"])
    return answer
