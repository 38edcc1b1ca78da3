# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette generate`: one avatar from a portrait or a seed, through a running backend or in this process."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from backend.pipeline.events import Finished, Painted, PipelineEvent, Progress, Shaped
from backend.pipeline.request import AvatarRequest

from .frame import Complaint
from .progress import Bar

if TYPE_CHECKING:
    from backend.surface.mesh import Mesh
    from blender_addon.protocol import Connection, Event

MAX_FILE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Make an avatar: avatar.glb, recipe.json and preview.png in the output folder."""

    portrait: Path | None = None
    """Photograph of one face, any common image format."""
    seed: int | None = None
    """Start of all randomness; without a portrait it alone decides who appears."""
    out: Path
    """Folder for the three files; made if it is not there."""
    preset: Literal["draft", "standard", "high"] = "standard"
    """How long it may take and how fine it becomes."""
    guidance: float | None = None
    """How strictly the portrait is followed; the model's own value unless given."""
    device: str = "auto"
    """Where to compute in this process: auto, cpu, cuda or cuda:N."""
    in_process: bool = False
    """Compute in this process even if a backend runs."""
    overwrite: bool = False
    """Replace an avatar that is already in the folder."""


def run(flags: Flags) -> None:
    """Writes the files and says where they are."""
    request = _request(flags)
    from backend.pipeline.export import prepare_folder, write_avatar  # only now: --help need not wait for it

    start = time.monotonic()
    prepare_folder(flags.out, flags.overwrite)
    connection = None if flags.in_process else _running_backend()
    mesh = textures = recipe = None
    with Bar() as bar:
        bar.update("starting", 0.0)
        events = _in_process(request, flags.device) if connection is None else _through(connection, request)
        for event in events:
            match event:
                case Progress():
                    bar.update(event.stage, event.fraction, event.remaining)
                case Shaped():
                    mesh = event.mesh
                case Painted():
                    textures = event.textures
                case Finished():
                    recipe = event.recipe
        if mesh is None or textures is None or recipe is None:
            raise Complaint("the job ended without an avatar", "Try again with --in-process --verbose.")
        bar.update("writing", 1.0)
        files = write_avatar(flags.out, mesh, textures, recipe)
    for note in recipe.get("notes", ()):
        print(f"note: {note}")
    print(f"{time.monotonic() - start:.1f} s; wrote {', '.join(str(file) for file in files)}")


def _request(flags: Flags) -> AvatarRequest:
    if flags.portrait is None and flags.seed is None:
        raise Complaint("neither --portrait nor --seed is given", "Give a photograph, a seed, or both.")
    options = {} if flags.guidance is None else {"guidance": flags.guidance}
    return AvatarRequest(
        portrait=None if flags.portrait is None else _content(flags.portrait),
        seed=flags.seed or 0,
        preset=flags.preset,
        options=options,
        job_id=uuid.uuid4().hex,
    )


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise Complaint(f"{file} is larger than {MAX_FILE_BYTES >> 20} MiB", "Reduce the picture.")
        return file.read_bytes()
    except OSError as error:
        raise Complaint(f"{file} cannot be read: {error.strerror}") from error


def _in_process(request: AvatarRequest, device: str) -> Iterator[PipelineEvent]:
    from backend import synthesis
    from backend.pipeline.avatar import run as run_pipeline

    yield from run_pipeline(request, synthesis.load(device=device))


def _running_backend() -> Connection | None:
    from blender_addon.launcher import find_running
    from blender_addon.protocol import default_store

    return find_running(default_store())


def _through(connection: Connection, request: AvatarRequest) -> Iterator[PipelineEvent]:
    """The events of a job that a running backend does."""
    from blender_addon import protocol
    from blender_addon.client import Client, run_job

    client = Client(connection, "maquette generate")
    mesh: Mesh | None = None
    try:
        job = protocol.JobRequest(
            request.job_id,
            preset=request.preset,
            seed=request.seed,
            portrait=request.portrait,
            options=dict(request.options),
        )
        for event in run_job(client, job):
            if (told := _translated(event, mesh)) is not None:
                mesh = told.mesh if isinstance(told, Shaped) else mesh
                yield told
    except protocol.ProtocolError as error:
        raise Complaint(str(error), "Try again with --in-process.") from error
    finally:
        client.close()


def _translated(event: Event, mesh: Mesh | None) -> PipelineEvent | None:
    """The same news in the pipeline's words; None for what is of no interest here."""
    from backend.surface import mesh as surface
    from backend.texture.maps import TextureSet
    from backend.texture.raster import raster_uv
    from blender_addon import protocol

    match event:
        case protocol.Accepted() if event.position:
            return Progress(f"waiting, jobs before this one: {event.position}", 0.0)
        case protocol.Progressed():
            return Progress(event.stage, event.fraction, event.remaining_seconds, event.preview)
        case protocol.MeshReady():
            # What comes off the wire is read-only memory, which torch does not take.
            return Shaped(surface.Mesh(event.vertices.copy(), event.faces.copy(), event.uv.copy()))
        case protocol.TextureReady() if mesh is not None:
            coverage = raster_uv(mesh, len(event.albedo)).face >= 0
            return Painted(TextureSet(event.albedo, coverage, event.level), event.final)
        case protocol.Finished():
            return Finished(event.recipe)
        case protocol.Failed():
            raise Complaint(event.message, event.hint)
    return None
