# SPDX-License-Identifier: GPL-3.0-or-later
"""A refined picture on somebody's own head: a new image, a new material in a new slot, perhaps a new UV layer.

Topology, coordinates, materials, vertex groups, shape keys and rig that are there stay as they are. What the slot is
shown on is the user's choice: the faces that were to change, or none.
"""

from dataclasses import dataclass

import bpy
import numpy as np

from . import image, material, mesh, tags

UV_LAYER = "Maquette"
"""Name of a new layer, where it is free."""


class GoneError(Exception):
    """The head is not there any more, or not the same; `str()` is a sentence for a person."""


@dataclass(slots=True, eq=False)
class Target:
    """The head that a job refines: found again by the number that Blender gives an object for its session."""

    name: str
    number: int
    counts: tuple[int, int, int]
    """Vertices, corners and polygons when it was read."""
    corners: np.ndarray
    """Corner of the mesh at each corner of the triangles that were sent, int32 [F, 3]."""
    uv: np.ndarray | None
    """Coordinates that were sent, by triangle [F, 3, 2]."""
    layer: str = ""
    """Name of the UV layer that they came from."""
    faces: np.ndarray | None = None
    """Polygons that show the new material; None: all. Empty: none."""

    def found(self) -> bpy.types.Object:
        """The object. Raises GoneError."""
        by_number = (each for each in bpy.data.objects if each.session_uid == self.number)
        there = next(by_number, None) or bpy.data.objects.get(self.name)
        if there is None or there.type != "MESH":
            raise GoneError(f"The head {self.name} is no longer in this file.")
        if counts(there.data) != self.counts:
            raise GoneError(f"The mesh of {there.name} was changed while its texture was made; refine it again.")
        return there


def counts(base: bpy.types.Mesh) -> tuple[int, int, int]:
    """How many vertices, corners and polygons a mesh has."""
    return len(base.vertices), len(base.loops), len(base.polygons)


def show(
    target: Target,
    job_id: str,
    name: str,
    places: np.ndarray,
    texture: image.Packed,
    recipe: dict | None = None,
) -> bool:
    """Makes what is missing or older of the job's image, slot and layer; true if they had to be made.

    `places` are the coordinates that the picture lies on, by triangle [F, 3, 2]. Raises GoneError.
    """
    albedo = tags.find_image(job_id)
    made = albedo is None
    if albedo is None:
        found = target.found()
        albedo = image.new_image(job_id, name, 4)
        image.show_file(albedo, texture)
        _dress(found, target, job_id, name, places, albedo)
    elif albedo[tags.LEVEL] < texture.level:
        image.show_file(albedo, texture)
    if recipe is not None and tags.RECIPE not in albedo:
        tags.store_recipe(albedo, recipe)
    return made


def _dress(
    found: bpy.types.Object, target: Target, job_id: str, name: str, places: np.ndarray, albedo: bpy.types.Image
) -> None:
    was_editing = found.mode == "EDIT"
    if was_editing:
        bpy.ops.object.mode_set(mode="OBJECT")
    base = found.data
    layer = target.layer
    if target.uv is None or not np.array_equal(places, target.uv):
        layer = _new_layer(base, target.corners, places)
    before = _shown_most(found)
    made = material.repainted(before, job_id, name, albedo, layer)
    base.materials.append(made)
    slot = len(base.materials) - 1
    wanted = np.arange(len(base.polygons)) if target.faces is None else target.faces
    if len(wanted):
        mesh.show_slot(base, wanted, slot)
    if was_editing:
        bpy.ops.object.mode_set(mode="EDIT")


def _new_layer(base: bpy.types.Mesh, corners: np.ndarray, places: np.ndarray) -> str:
    """A UV layer of its own; the active ones stay active."""
    active, rendered = base.uv_layers.active_index, [each.active_render for each in base.uv_layers]
    made = base.uv_layers.new(name=UV_LAYER, do_init=False)
    if made is None:
        raise GoneError("The mesh has as many UV layers as Blender allows; delete one and refine it again.")
    values = np.zeros((len(base.loops), 2), np.float32)
    values[corners.reshape(-1)] = places.reshape(-1, 2)
    made.data.foreach_set("uv", values.reshape(-1))
    name = made.name
    if rendered:
        base.uv_layers.active_index = active
        for each, was in zip(base.uv_layers, rendered, strict=False):
            if was:
                each.active_render = True
    return name


def _shown_most(found: bpy.types.Object) -> bpy.types.Material | None:
    """The material of most faces: its roughness, relief and the like are taken over."""
    if not len(found.material_slots):
        return None
    indices = np.empty(len(found.data.polygons), dtype=np.int32)
    found.data.polygons.foreach_get("material_index", indices)
    slot = int(np.bincount(np.minimum(indices, len(found.material_slots) - 1)).argmax())
    return found.material_slots[slot].material
