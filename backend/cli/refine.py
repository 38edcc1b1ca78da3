# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette refine`: a better picture for a head in a file, everything else of it as it is."""

from __future__ import annotations

import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from backend.pipeline.events import Finished, Painted, Progress, Shaped
from backend.pipeline.head_request import HeadWish
from backend.pipeline.refine_request import DEFAULT_REFINER, DEFAULT_SIZE, RefineRequest

from .frame import Complaint
from .progress import Bar

if TYPE_CHECKING:
    import numpy as np

    from .head_files import HeadFile

MAX_PORTRAIT_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Repaint a head: the mesh file with a new image on a new material slot, the image, a recipe and a preview.

    maquette refine hero.fbx --portrait me.jpg --prompt "a man with a grey beard" --out hero_refined

    Topology, texture coordinates, materials, vertex groups, shape keys and rig stay as they are.
    """

    mesh: Path = field(metadata={"positional": True})
    """obj, ply, stl, glb, gltf, fbx or blend."""
    out: Path
    """Folder for the results; made if it is not there."""
    portrait: Path | None = None
    """Photograph whose pixels are laid on what its camera saw, any common image format."""
    prompt: str | None = None
    """What the person is like: "an old man with a grey beard". Without portrait and prompt, what is there gains
    detail."""
    negative: str | None = None
    """What must not appear."""
    mask: Path | None = None
    """Image over the texture coordinates: white may change, black stays."""
    strength: float = 0.5
    """How far repainting may leave what is there, 0 to 1."""
    views: int = 8
    """Cameras around the head, 1 to 16."""
    size: int | None = None
    """Side of the new image, texels; as large as the one that is there unless given."""
    seed: int = 0
    """Decides the noise: the same call gives the same image."""
    refiner: Literal["diffuse-local", "diffuse-sd", "reproject"] | None = None
    """What paints: a model of views that you have trained, Stable Diffusion with ControlNets, or nothing but the
    portrait's pixels. Unless told, a portrait alone is reproject, everything else diffuse-local."""
    guidance: float | None = None
    """How strictly the prompt is followed; the refiner's own value unless given."""
    steps: int | None = None
    """Denoising steps for each view; the refiner's own number unless given."""
    model: Path | None = None
    """Folder of the refiner's model, for one that does not ship."""
    options: tuple[str, ...] = ()
    """Of the refiner, as NAME=VALUE: memory=sliced half=yes."""
    device: str = "auto"
    """Where to paint: auto, cpu, cuda or cuda:N."""
    object: str = ""
    """Name of the mesh object in the file; the largest unless given."""
    uv_layer: str = ""
    """UV layer that the picture there, and the mask, lie on; the active one unless given."""
    vertex_group: str = ""
    """Vertex group that says where the picture may change."""
    layout: Literal["auto", "own", "new"] = "auto"
    """Whether the picture lies on the coordinates that are there, or on a new UV layer; auto: on its own where those
    can hold it."""
    up: str | None = None
    """Axis that points to the crown once the file is in Blender, X to Z or negative (--up=-Y); found by the face unless
    given."""
    front: str | None = None
    """Axis along which the face looks, alike."""
    assign: bool = True
    """Whether faces that may change show the new material at once."""
    blender: str = ""
    """A Blender program to read and write files with; the bpy module or the one on the search path unless given."""
    overwrite: bool = False
    """Replace a refined head that is already in the folder."""


def run(flags: Flags) -> None:
    """Refines the head."""
    from .head_files import box_axis

    up, front = box_axis(flags.up), box_axis(flags.front)
    request, wish = _request(flags), HeadWish(layout=flags.layout, up=up, front=front, size=flags.size)
    from backend.pipeline.export import prepare_folder

    names = [f"{flags.mesh.stem}_refined{ending}" for ending in (".png", ".json", ".blend", "_preview.png")]
    prepare_folder(flags.out, flags.overwrite, tuple(names), "a refined head")
    start = time.monotonic()
    with Bar() as bar, tempfile.TemporaryDirectory(prefix="maquette-refine-") as folder:
        bar.update("reading the file", 0.0)
        from .head_files import read_head, write_head

        file = read_head(flags.mesh, Path(folder), name=flags.object, layer=flags.uv_layer, group=flags.vertex_group,
                         mask=flags.mask, blender=flags.blender)  # fmt: skip
        shaped, painted, recipe = _refined(file, request, wish, flags, bar)
        bar.update("writing", 1.0)
        written = write_head(file, shaped.mesh, painted.textures, recipe, flags.out, flags.assign)
        preview = _write_preview(shaped, painted, flags.out / names[-1])
    for note in (*file.notes, *recipe.get("notes", ())):
        print(f"note: {note}")
    print(f"{time.monotonic() - start:.1f} s; wrote {', '.join(str(path) for path in (*written, preview))}")


def _request(flags: Flags) -> RefineRequest:
    return RefineRequest(
        portrait=None if flags.portrait is None else _content(flags.portrait),
        prompt=flags.prompt,
        negative=flags.negative,
        strength=flags.strength,
        views=flags.views,
        size=DEFAULT_SIZE if flags.size is None else flags.size,
        seed=flags.seed,
        refiner=flags.refiner or _fitting(flags),
        guidance=flags.guidance,
        steps=flags.steps,
        job_id=uuid.uuid4().hex,
    )


def _fitting(flags: Flags) -> str:
    """A portrait alone needs no model."""
    return "reproject" if flags.portrait is not None and flags.prompt is None else DEFAULT_REFINER


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_PORTRAIT_BYTES:
            raise Complaint(f"{file} is larger than {MAX_PORTRAIT_BYTES >> 20} MiB", "Reduce the picture.")
        return file.read_bytes()
    except OSError as error:
        raise Complaint(f"{file} cannot be read: {error.strerror or error}", "Check the path.") from error


def _refined(
    file: HeadFile, request: RefineRequest, wish: HeadWish, flags: Flags, bar: Bar
) -> tuple[Shaped, Painted, dict[str, Any]]:
    from backend.pipeline.heads import run as refine
    from backend.refinement.prior import PriorSettings

    settings = PriorSettings(device=flags.device, folder=flags.model, options=_options(flags.options))
    shaped = painted = recipe = None
    for event in refine(file.head, request, wish, settings=settings):
        match event:
            case Progress():
                bar.update(event.stage, event.fraction, event.remaining)
            case Shaped():
                shaped = event
            case Painted():
                painted = event
            case Finished():
                recipe = event.recipe
    if shaped is None or painted is None or recipe is None:
        raise Complaint("the job ended without a picture", "Try again with --verbose.")
    return shaped, painted, recipe


def _options(texts: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise Complaint(f"--options takes NAME=VALUE, got {text!r}", "For instance memory=sliced.")
        found[name] = value
    return found


def _write_preview(shaped: Shaped, painted: Painted, path: Path) -> Path:
    """Front, three-quarter, side and back of the result."""
    from PIL import Image

    from backend.texture.preview import preview

    strip: np.ndarray = preview(shaped.mesh, painted.textures, 384)
    Image.fromarray(strip).save(path, compress_level=3)
    return path
