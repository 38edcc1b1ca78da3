# SPDX-License-Identifier: GPL-3.0-or-later
"""What `generate`, `edit` and `blend` share: a request becomes files, through a running backend or in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from backend.pipeline.events import Finished, Painted, PipelineEvent, Progress, Shaped

from .frame import Complaint
from .progress import Bar

if TYPE_CHECKING:
    from backend.pipeline.request import AvatarRequest
    from backend.surface.mesh import Mesh
    from blender_addon.protocol import Connection, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where an avatar goes and how it is made."""

    out: Path
    """Folder for avatar.glb, recipe.json and preview.png; made if it is not there."""
    preset: Literal["draft", "standard", "high"] = "standard"
    """How long it may take and how fine it becomes."""
    device: str = "auto"
    """Where to compute in this process: auto, cpu, cuda or cuda:N."""
    in_process: bool = False
    """Compute in this process even if a backend runs."""
    overwrite: bool = False
    """Replace an avatar that is already in the folder."""


def make(request: AvatarRequest, output: Output) -> None:
    """Writes the files and says where they are."""
    from backend.pipeline.export import prepare_folder, write_avatar  # only now: --help need not wait for it

    start = time.monotonic()
    prepare_folder(output.out, output.overwrite)
    connection = None if output.in_process else running_backend()
    mesh = textures = recipe = None
    with Bar() as bar:
        bar.update("starting", 0.0)
        events = _in_process(request, output.device) if connection is None else _through(connection, request)
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
        files = write_avatar(output.out, mesh, textures, recipe)
    for note in recipe.get("notes", ()):
        print(f"note: {note}")
    print(f"{time.monotonic() - start:.1f} s; wrote {', '.join(str(file) for file in files)}")


def running_backend() -> Connection | None:
    """The backend of this user that runs on this machine."""
    from blender_addon.launcher import find_running
    from blender_addon.protocol import default_store

    return find_running(default_store())


def _in_process(request: AvatarRequest, device: str) -> Iterator[PipelineEvent]:
    from backend import synthesis
    from backend.pipeline.avatar import run as run_pipeline

    if request.kind == "imagine":
        from backend.pipeline.imagined import sculptor

        where = synthesis.device_of(device)
        yield from run_pipeline(request, sculptor(request, where))
        return
    name = synthesis.chosen(request.synthesizer, request.sources)
    yield from run_pipeline(request, synthesis.load(name, device))


def _through(connection: Connection, request: AvatarRequest) -> Iterator[PipelineEvent]:
    """The events of a job that a running backend does."""
    from blender_addon import protocol
    from blender_addon.client import Client, run_job

    client = Client(connection, "maquette")
    mesh: Mesh | None = None
    try:
        job = protocol.JobRequest(
            request.job_id,
            request.kind,
            preset=request.preset,
            seed=request.seed,
            portrait=request.portrait,
            options=dict(request.options),
            label=(request.sentence or "")[:64] or None,
            sources="\n".join(request.sources).encode() if request.sources else None,
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
            maps = (event.normal, event.occlusion, event.roughness)
            return Painted(TextureSet(event.albedo, coverage, event.level, (), *maps), event.final)
        case protocol.Finished():
            return Finished(event.recipe)
        case protocol.Failed():
            raise Complaint(event.message, event.hint)
    return None
