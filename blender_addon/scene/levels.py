# SPDX-License-Identifier: GPL-3.0-or-later
"""The coarser levels of detail of an avatar: meshes for games and for the distance, with the avatar's own texture."""

import bpy
import numpy as np

from ..protocol import MeshReady
from . import mesh, tags

OF = "maquette_level_of"
"""Custom property of an object: the job whose avatar it is a coarser level of."""


def add(avatar: bpy.types.Object, shape: MeshReady) -> None:
    """Puts the levels that are not there yet into a hidden collection beside the avatar, to which they are parented."""
    job_id = avatar[tags.JOB]
    there = {each.name for each in bpy.data.objects if each.get(OF) == job_id}
    if there:
        return
    levels = shape.levels()[1:]
    if not levels:
        return
    collection = bpy.data.collections.new(f"{avatar.name} levels")
    collection.hide_viewport = collection.hide_render = True
    avatar.users_collection[0].children.link(collection)
    for number, faces in enumerate(levels, 1):
        used, corners = np.unique(faces, return_inverse=True)
        made = bpy.data.meshes.new(f"{avatar.name} LOD{number}")
        mesh.write_mesh(made, shape.vertices[used], corners.reshape(-1, 3).astype(np.int32), shape.uv[used])
        made.materials.append(avatar.data.materials[-1])
        level = bpy.data.objects.new(made.name, made)
        level[OF] = job_id
        level.parent = avatar
        collection.objects.link(level)
