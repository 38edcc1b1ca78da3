# SPDX-License-Identifier: GPL-3.0-or-later
"""A runner without torch that does in milliseconds what avatars take minutes for; the seed chooses its fate."""

import json
import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backend.service.errors import JobError, ServiceError
from backend.weights import library
from blender_addon.protocol import ErrorCode, Event, Finished, JobRequest, MeshReady, Progressed, TextureReady

if TYPE_CHECKING:
    from backend.service.translate import AvatarRunner

STEP_SECONDS = 0.02
STYLE_STEPS = 10
HUNGRY_BYTES = 2 << 30
"""More than any limit that the tests set, less than what hurts where there is none."""
PLAIN, SLOW, DIES, DEAF, BROKEN, UNFIT, ENDLESS_MEMORY, HUNGRY = range(8)
"""Seeds: done at once, many steps, ends its process, a step that takes a minute, raises, complains, out of memory,
takes all the memory that it is allowed."""


class TinyRunner:
    """A quad, three textures."""

    def __init__(self, device: str) -> None:
        self.capabilities: dict[str, Any] = {"synthesizers": ["tiny"], "refiners": ["paint"], "device": device}

    def run(self, request: JobRequest) -> Iterator[Event]:
        job_id = request.job_id
        if request.seed == UNFIT:
            raise JobError(ErrorCode.BAD_PORTRAIT, "No face was found.", "Choose another portrait.")
        steps = int(request.options.get("steps", 100 if request.seed == SLOW else 3))
        for step in range(steps):
            picture = np.full((8, 8, 3), step, np.uint8)
            yield Progressed(job_id, "sampling", step / steps, (steps - step) * STEP_SECONDS, picture)
            time.sleep(STEP_SECONDS)
        if request.seed == DIES:
            os.kill(os.getpid(), 9)
        if request.seed == DEAF:
            time.sleep(60)
        if request.seed == BROKEN:
            raise ValueError("a plane is missing")
        if request.seed == ENDLESS_MEMORY:
            raise MemoryError
        if request.seed == HUNGRY:
            eaten = []
            while sum(map(len, eaten)) < HUNGRY_BYTES:
                eaten.append(bytearray(32 << 20))
        if request.vertices is not None and request.faces is not None:
            yield from refined(request)
            return
        square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
        yield MeshReady(job_id, square, np.array([[0, 1, 2], [0, 2, 3]], np.int32), square[:, :2] / 2 + 0.5)
        for level in range(3):
            maps = finest(4 << level) if level == 2 else ()
            yield TextureReady(
                job_id, level, np.full((4 << level,) * 2 + (3,), 50 * level, np.uint8), level == 2, *maps
            )
            time.sleep(STEP_SECONDS)
        yield Finished(job_id, recipe_of(request))


def refined(request: JobRequest) -> Iterator[Event]:
    """The head that came along under red, then green; new coordinates are its front view."""
    job_id, vertices = request.job_id, np.asarray(request.vertices)
    low, high = vertices.min(0), vertices.max(0)
    uv = request.uv
    if uv is None or request.options.get("layout") == "new":
        uv = ((vertices - low) / np.maximum(high - low, 1e-6))[:, :2].astype(np.float32)
    yield MeshReady(job_id, vertices, np.asarray(request.faces), uv)
    for level, colour in enumerate(((255, 0, 0), (0, 255, 0))):
        yield TextureReady(job_id, level, np.full((8, 8, 3), colour, np.uint8), level == 1)
        time.sleep(STEP_SECONDS)
    yield Finished(job_id, recipe_of(request))


def finest(side: int) -> tuple[np.ndarray, ...]:
    """Normals that stand upright, half the light, a quarter of the roughness."""
    return (
        np.full((side, side, 3), (128, 128, 255), np.uint8),
        np.full((side, side), 128, np.uint8),
        np.full((side, side), 64, np.uint8),
    )


def recipe_of(request: JobRequest) -> dict[str, Any]:
    """What was asked; the source of an edit or a blend names those it came from."""
    before = (request.sources or b"").decode().split()
    said = request.options.get("sentence", "")
    notes = [f"the word {word!r} was not understood" for word in said.split() if word == "flurb"]
    return {
        "kind": request.kind,
        "seed": request.seed,
        "preset": request.preset,
        "options": dict(request.options),
        "process": os.getpid(),
        "portrait": request.portrait is not None,
        "notes": notes,
        "source": "+".join([*before, request.kind[0].upper()]),
    }


class Stylist(TinyRunner):
    """Makes styles: generators without weights, in the folder of models."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self.capabilities["synthesizers"] = ["rodin"]  # with it the server names the user's models as well

    def run(self, request: JobRequest) -> Iterator[Event]:
        if request.kind != "adapt":
            yield from super().run(request)
            return
        options = request.options
        for step in range(STYLE_STEPS):
            sheet = np.full((8, 16, 3), 20 * step, np.uint8)
            yield Progressed(request.job_id, "learning the style", step / STYLE_STEPS, 1.0, sheet)
            time.sleep(STEP_SECONDS)
        told = {"prompt": options["sentence"], "model": options.get("synthesizer", "heads"), "keep": options["keep"]}
        put_style(options["name"], told | {"created": "2026-01-02T03:04:05", "job_id": request.job_id})
        for event in super().run(request):
            if isinstance(event, Finished):
                made = {"kind": "avatar", "options": {"synthesizer": options["name"]}}
                event = Finished(event.job_id, event.recipe | made | {"style": {"name": options["name"], **told}})
            yield event


def put_style(name: str, recipe: dict[str, Any] | None) -> None:
    """A generator by its header alone; a style where there is a recipe."""
    licence = {"name": "none", "commercial": True, "terms": "", "text": ""}
    told = {"format": library.FORMAT, "family": "sdf-gan", "config": "{}", "licence": json.dumps(licence),
            "origin": json.dumps({"file": name, "sha256": "0" * 64})}  # fmt: skip
    header = json.dumps({"__metadata__": told | ({"recipe": json.dumps(recipe)} if recipe else {})}).encode()
    library.folder().mkdir(parents=True, exist_ok=True)
    library.place(name).write_bytes(struct.pack("<Q", len(header)) + header)


class Heavy(TinyRunner):
    """Its last texture takes some seconds of a slow line: ten megabytes that do not squeeze."""

    def run(self, request: JobRequest) -> Iterator[Event]:
        random = np.random.default_rng(request.seed)
        for event in super().run(request):
            if isinstance(event, TextureReady) and event.final:
                side = 1024
                grain = random.integers(0, 256, (side, side, 3), np.uint8)
                yield TextureReady(event.job_id, event.level, grain, True, grain[::-1], grain[..., 0], grain[..., 1])
            else:
                yield event


class Sleepy(TinyRunner):
    """Takes its time to load."""

    def __init__(self, device: str) -> None:
        time.sleep(1.0)
        super().__init__(device)


class Pausing(TinyRunner):
    """One of its steps takes four seconds."""

    def run(self, request: JobRequest) -> Iterator[Event]:
        time.sleep(4.0)
        yield from super().run(request)


class Unable:
    """A runner that misses its weights."""

    def __init__(self, device: str) -> None:
        raise ServiceError("The weights are missing.", "Run maquette fetch.")


class Crashing:
    """A runner that takes its process down while it is loaded."""

    def __init__(self, device: str) -> None:
        os.write(2, b"libtiny.so: cannot open shared object file\n")
        os._exit(7)


def adapter(device: str) -> "AvatarRunner":
    """The real runner, whose sentences are judged by a prior of two words; what it makes nobody asks for."""
    from backend.service.translate import AvatarRunner
    from tests.backend.adaptation.worlds import Ideal

    class Nobody:
        name, model_hash, device = "rodin", "0" * 16, "cpu"

    return AvatarRunner(device, lambda device: Nobody(), lambda name, place: Ideal())


def weights_of_a_file(device: str) -> "AvatarRunner":
    """The real runner, for the weights that MAQUETTE_TEST_WEIGHTS names."""
    from backend.service.translate import AvatarRunner
    from backend.weights import store

    def load(device: str) -> Any:
        return store.load(Path(os.environ["MAQUETTE_TEST_WEIGHTS"]))

    return AvatarRunner(device, load)
