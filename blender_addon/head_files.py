# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads in files: a file comes into an empty scene and out as arrays, and goes back with its new picture.

For programs without a window, which call `run_file` inside Blender and read the line that it prints.
"""

import json
import os
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .scene import dress, head, image, tags

RESULT = "maquette refine: "
"""Begins the line that answers."""
SUFFIXES = (".blend", ".fbx", ".glb", ".gltf", ".obj", ".ply", ".stl")
EXPORTS = {".glb": ".glb", ".gltf": ".glb", ".obj": ".obj", ".fbx": ".fbx", ".ply": ".glb", ".stl": ".glb"}
"""What is written beside the .blend file; PLY and STL cannot hold materials."""
AGAIN = "Open it in Blender and export it again, as GLB for example."


class FileError(Exception):
    """A file that holds no head; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str = AGAIN) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def run_file(job: dict[str, Any]) -> None:
    """Reads or writes: {"task": "read", "mesh": file, "object", "layer", "group", "mask": file or "", "arrays": file,
    "scene": file} or {"task": "write", "scene": file, "object", "counts", "places": file, "texture": file, "recipe",
    "assign", "out": folder, "suffix"}. Prints one line that begins with RESULT: an answer, or {"message", "hint"}.
    """
    try:
        answer = {"read": _read, "write": _write}[job["task"]](job)
    except (FileError, head.HeadError, dress.GoneError) as error:
        message = getattr(error, "message", str(error))
        answer = {"message": message[:1].lower() + message[1:].rstrip("."), "hint": getattr(error, "hint", "")}
    # Past whatever Python's buffers hold: Blender's own words come on the same line otherwise.
    os.write(1, f"\n{RESULT}{json.dumps(answer)}\n".encode())


def load(path: Path) -> list[bpy.types.Object]:
    """The mesh objects of a file, in an empty scene. Raises FileError."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FileError(f"{path.name} is no mesh that can be read", f"Give one of {', '.join(SUFFIXES)}.")
    if not path.is_file():
        raise FileError(f"there is no file at {path}", "Check its path.")
    try:
        if suffix == ".blend":
            bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=False)
        else:
            bpy.ops.wm.read_factory_settings(use_empty=True)
            _import(path, suffix)
    except Exception as error:  # each importer has errors of its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].removeprefix("Error: ")
        raise FileError(f"{path.name} cannot be read as {suffix[1:].upper()}: {reason[:200]}") from error
    found = [each for each in bpy.context.scene.objects if each.type == "MESH" and len(each.data.polygons)]
    if not found:
        raise FileError(f"{path.name} holds no mesh with faces")
    return found


def _import(path: Path, suffix: str) -> None:
    if suffix in (".glb", ".gltf"):
        done = bpy.ops.import_scene.gltf(filepath=str(path))
    elif suffix == ".fbx":
        done = bpy.ops.import_scene.fbx(filepath=str(path))
    elif suffix == ".obj":
        done = bpy.ops.wm.obj_import(filepath=str(path), import_vertex_groups=True)
    else:
        done = getattr(bpy.ops.wm, f"{suffix[1:]}_import")(filepath=str(path))
    if done != {"FINISHED"}:
        raise FileError(f"{path.name} cannot be read as {suffix[1:].upper()}")


def _read(job: dict[str, Any]) -> dict[str, Any]:
    found = load(Path(job["mesh"]))
    wanted = [each for each in found if each.name == job["object"]] if job["object"] else found
    if not wanted:
        names = ", ".join(each.name for each in found[:8])
        raise FileError(f"there is no mesh object {job['object']!r} in it", f"Choose one of {names}.")
    chosen = max(wanted, key=lambda each: len(each.data.polygons))
    mask = ""
    if job["mask"]:
        try:
            mask = bpy.data.images.load(job["mask"]).name
        except RuntimeError as error:
            raise FileError(f"the mask {job['mask']} cannot be read", "Give a PNG or JPEG image.") from error
    made = head.read(chosen, head.Choice(layer=job["layer"], group=job["group"], mask=mask))
    if mask:
        bpy.data.images.remove(bpy.data.images[mask])
    notes = list(made.notes)
    if len(found) > 1 and not job["object"]:
        notes.append(f"{chosen.name} is refined, the largest of {len(found)} meshes; the others stay as they are")
    np.savez(job["arrays"], corners=made.corners, **made.arrays())
    bpy.ops.wm.save_as_mainfile(filepath=job["scene"], check_existing=False, copy=True)
    return {"object": chosen.name, "counts": list(dress.counts(chosen.data)), "notes": notes}


def _write(job: dict[str, Any]) -> dict[str, Any]:
    bpy.ops.wm.open_mainfile(filepath=job["scene"], load_ui=False, use_scripts=False)
    found = bpy.data.objects[job["object"]]
    with np.load(job["places"]) as held:
        corners, places = held["corners"], held["places"]
        uv, faces = held.get("uv"), held.get("faces")
    layer = next((each.name for each in found.data.uv_layers if each.active_render), "")
    target = dress.Target(found.name, found.session_uid, tuple(job["counts"]), corners, uv, layer, faces)
    texture = image.Packed(0, Path(job["texture"]).read_bytes())
    job_id = job["recipe"].get("job_id") or "refined"
    dress.show(target, job_id, f"{found.name} refined", places, texture, job["recipe"])
    shown = tags.find_image(job_id)
    assert shown is not None
    shown.filepath_raw = job["texture"]  # packed it stays; formats with pictures beside them point there
    out, suffix = Path(job["out"]), job["suffix"]
    stem = Path(job["texture"]).stem.removesuffix("_refined")
    made = [out / f"{stem}_refined.blend"]
    bpy.ops.file.make_paths_absolute()
    bpy.ops.wm.save_as_mainfile(filepath=str(made[0]), check_existing=False, compress=True)
    shown.filepath_raw = job["texture"]  # saving made it relative, which the exporter of OBJ takes for another place
    if (kind := EXPORTS.get(suffix)) is not None:
        made.append(out / f"{stem}_refined{kind}")
        _export(made[-1], kind)
    return {"files": [str(each) for each in made]}


def _export(path: Path, kind: str) -> None:
    if kind == ".glb":
        bpy.ops.export_scene.gltf(filepath=str(path), export_format="GLB", export_extras=True)
    elif kind == ".fbx":
        bpy.ops.export_scene.fbx(filepath=str(path), path_mode="COPY", embed_textures=True)
    else:
        bpy.ops.wm.obj_export(filepath=str(path), path_mode="COPY", export_vertex_groups=True)
