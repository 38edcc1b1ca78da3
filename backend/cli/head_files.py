# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads in files of any kind, by way of Blender: read as arrays, written with their new picture.

    file = read_head(Path("hero.fbx"), folder)            # a folder that lasts until it is written
    ...                                                    # pipeline.heads.run(file.head, ...)
    paths = write_head(file, shaped.mesh, painted.textures, recipe, Path("out"))

Blender runs in a process of its own: the bpy module, or a Blender without a window.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .frame import Complaint
from .populate import ROOT, TAIL_LINES, blender_command

if TYPE_CHECKING:
    from backend.surface.mesh import Mesh
    from backend.surface.user_head import UserHead
    from backend.texture.maps import TextureSet

RESULT = "maquette refine: "
AXES = {"X": "X", "-X": "-X", "Y": "-Z", "-Y": "Z", "Z": "Y", "-Z": "-Y"}
"""Axis of Blender's scene -> of the arrays, which stand as avatars do."""
MAX_BYTES = 2 << 30
SECONDS = 600.0
INSIDE = """
import importlib.util, sys
# Only this package: the libraries beside it may be for another Python than Blender's.
spec = importlib.util.spec_from_file_location("blender_addon", {init!r})
sys.modules["blender_addon"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
import json
from blender_addon import head_files
head_files.run_file(json.loads({job!r}))
"""


@dataclass(frozen=True, slots=True)
class HeadFile:
    """A head that was read."""

    head: UserHead
    source: Path
    folder: Path
    """Where the scene waits that it was read into."""
    name: str
    """Of the object."""
    notes: tuple[str, ...]
    counts: tuple[int, ...]
    corners: np.ndarray
    """Corner of the mesh at each corner of the triangles, int32 [F, 3]."""
    blender: str


def read_head(
    path: Path,
    folder: Path,
    *,
    name: str = "",
    layer: str = "",
    group: str = "",
    mask: Path | None = None,
    blender: str = "",
) -> HeadFile:
    """The mesh object of a file: the one of that name, or the largest. `folder` is for what is needed later.

    `layer` names a UV layer, `group` a vertex group, `mask` an image over the layer. Raises Complaint.
    """
    for file in (path, mask):
        if file is not None and not file.is_file():
            raise Complaint(f"there is no file at {file}", "Check its path.")
    if path.stat().st_size > MAX_BYTES:
        raise Complaint(f"{path.name} is larger than {MAX_BYTES >> 30} GiB", "Save the head alone.")
    arrays = folder / "head.npz"
    job = {
        "task": "read",
        "mesh": str(path.resolve()),
        "object": name,
        "layer": layer,
        "group": group,
        "mask": "" if mask is None else str(mask.resolve()),
        "arrays": str(arrays),
        "scene": str(folder / "scene.blend"),
    }
    answer = _in_blender(blender, job, folder)
    from backend.surface.user_head import UserHead

    with np.load(arrays) as held:
        given: dict[str, Any] = {key: held[key] for key in held.files}
    corners = given.pop("corners")
    return HeadFile(
        UserHead(**given),
        path,
        folder,
        answer["object"],
        tuple(answer["notes"]),
        tuple(answer["counts"]),
        corners,
        blender,
    )


def write_head(
    file: HeadFile, mesh: Mesh, textures: TextureSet, recipe: dict[str, Any], out: Path, assign: bool = True
) -> tuple[Path, ...]:
    """Writes the picture, a .blend with it in a new slot, and a file of the source's kind where that can hold it.

    `mesh` is what `pipeline.heads.run` told first. With `assign` the faces that may change show the new material.
    Raises Complaint.
    """
    from PIL import Image

    assert mesh.uv is not None
    try:
        out.mkdir(parents=True, exist_ok=True)
        texture = out.resolve() / f"{file.source.stem}_refined.png"
        Image.fromarray(textures.albedo).save(texture, compress_level=3)
        (out / f"{file.source.stem}_refined.json").write_text(
            json.dumps(recipe, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    except OSError as error:
        raise Complaint(
            f"{out} cannot be written: {error.strerror or error}", "Choose a folder of your own."
        ) from error
    head, held = file.head, {"corners": file.corners, "places": mesh.uv[mesh.faces]}
    if head.uv is not None:
        held["uv"] = head.uv[head.faces]
    if not assign:
        held["faces"] = np.zeros(0, np.int32)
    elif head.weight is not None and head.polygons is not None:
        held["faces"] = np.unique(head.polygons[head.weight[head.faces].any(axis=1)])
    np.savez(file.folder / "places.npz", **held)
    job = {
        "task": "write",
        "scene": str(file.folder / "scene.blend"),
        "object": file.name,
        "counts": list(file.counts),
        "places": str(file.folder / "places.npz"),
        "texture": str(texture),
        "recipe": recipe,
        "out": str(out.resolve()),
        "suffix": file.source.suffix.lower(),
    }
    answer = _in_blender(file.blender, job, file.folder)
    return (texture, texture.with_suffix(".json"), *map(Path, answer["files"]))


def box_axis(name: str | None) -> str | None:
    """An axis of Blender's scene, Z up, as one of the arrays that `read_head` gives. Raises Complaint."""
    if name is not None and name not in AXES:
        raise Complaint(f"there is no axis {name!r}", f"Choose one of {', '.join(AXES)}.")
    return None if name is None else AXES[name]


def _in_blender(blender: str, job: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Runs the add-on's `head_files.run_file` in a process of its own and returns its answer. Raises Complaint."""
    code = INSIDE.format(init=str(ROOT / "blender_addon" / "__init__.py"), job=json.dumps(job))
    command = blender_command(blender)
    with tempfile.TemporaryDirectory(prefix="inside-", dir=folder) as place:
        script = Path(place, "inside.py")
        script.write_text(code, encoding="utf-8")
        line = f"exec(compile(open({str(script)!r}, encoding='utf-8').read(), 'refine', 'exec'))"
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
        try:
            done = subprocess.run(
                [*command, line], capture_output=True, text=True, errors="replace", env=environment, timeout=SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise Complaint(f"Blender took longer than {SECONDS:.0f} seconds", "Save the head alone.") from error
    answers = [each.removeprefix(RESULT) for each in done.stdout.splitlines() if each.startswith(RESULT)]
    if not answers:
        tail = [each for each in (done.stdout + done.stderr).splitlines() if each.strip()][-TAIL_LINES:]
        raise Complaint(f"Blender ended with status {done.returncode} before it answered", " | ".join(tail))
    answer: dict[str, Any] = json.loads(answers[-1])
    if "message" in answer:
        raise Complaint(answer["message"], answer["hint"])
    return answer
