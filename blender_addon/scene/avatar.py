# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's avatar in the scene, brought up to date with all that is known of it; safe to repeat at any time."""

import bpy
import numpy as np

from ..protocol import MeshReady
from . import image, levels, material, mesh, tags

UNPAINTED = (150, 140, 132)
"""sRGB of the mesh until its first texture: clay."""


def show(
    scene: bpy.types.Scene,
    job_id: str,
    name: str,
    shape: MeshReady,
    texture: image.Packed | None = None,
    recipe: dict | None = None,
) -> bool:
    """Makes what is missing or older of the job's object, image and recipe; true if the object had to be made.

    The object is found by the job's id. One that the user has changed, moved, duplicated or renamed keeps all that;
    one that was deleted (or undone) is made anew. The texture goes into the one image that all its duplicates show.
    """
    avatar = tags.find_object(job_id)
    made = avatar is None
    if avatar is None:
        avatar = mesh.new_object(scene, job_id, name, shape.vertices, shape.faces, shape.uv)
    albedo = tags.find_image(job_id)
    if albedo is None:
        albedo = image.new_image(job_id, f"{name} albedo", 4)
        image.show_file(albedo, image.packed(np.full((4, 4, 3), UNPAINTED, dtype=np.uint8), level=-1))
        _dress(avatar, material.new_material(job_id, name, albedo))
    elif made:
        _dress(avatar, _material_of(job_id) or material.new_material(job_id, name, albedo))
    if made:
        levels.add(avatar, shape)
    if texture is not None and albedo[tags.LEVEL] < texture.level:
        image.show_file(albedo, texture)
    if texture is not None:
        _refine(job_id, name, texture.maps)
    if recipe is not None:
        for block in (avatar, albedo):
            if tags.RECIPE not in block:
                tags.store_recipe(block, recipe)
    return made


def _material_of(job_id: str) -> bpy.types.Material | None:
    return next((each for each in bpy.data.materials if each.get(tags.JOB) == job_id), None)


def _refine(job_id: str, name: str, maps: dict[str, bytes]) -> None:
    """Images and nodes for the maps that are not there yet."""
    missing = [kind for kind in maps if tags.find_map(job_id, kind) is None]
    made = _material_of(job_id) if missing else None
    if made is not None and made.use_nodes:
        material.add_maps(made, {kind: image.new_map(job_id, f"{name} {kind}", kind, maps[kind]) for kind in missing})


def _dress(avatar: bpy.types.Object, made: bpy.types.Material) -> None:
    """Puts the material into a slot of its own and onto every face; materials that are there stay in their slots."""
    materials = avatar.data.materials
    materials.append(made)
    mesh.fill_material(avatar.data, len(materials) - 1)
