# SPDX-License-Identifier: GPL-3.0-or-later
"""Mesh payloads as Blender meshes, and the objects that carry them."""

import bpy
import numpy as np

from . import axes, layout, tags, welding

UV_LAYER = "UVMap"
MATERIAL = "material_index"
"""Blender's own name of the attribute."""


def write_mesh(mesh: bpy.types.Mesh, vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray | None) -> None:
    """Replaces the mesh's geometry by box vertices `[V, 3]`, triangles `[F, 3]` and UVs `[V, 2]`, smooth shaded."""
    welded, corners = welding.weld(vertices, faces)
    mesh.clear_geometry()
    mesh.vertices.add(len(welded))
    mesh.loops.add(3 * len(faces))
    mesh.polygons.add(len(faces))
    # Through attributes: by `vertices`, `loops` and `uv_layers` values go one by one, which takes ten times as long.
    _fill(mesh, "position", "vector", axes.points_to_blender(welded))
    _fill(mesh, ".corner_vert", "value", corners)
    mesh.polygons.foreach_set("loop_start", np.arange(0, 3 * len(faces), 3, dtype=np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    if uv is not None:
        mesh.attributes.new(UV_LAYER, "FLOAT2", "CORNER")
        _fill(mesh, UV_LAYER, "vector", np.asarray(uv, dtype=np.float32)[faces.reshape(-1)])
    mesh.update(calc_edges=True)


def new_object(
    scene: bpy.types.Scene, job_id: str, name: str, vertices: np.ndarray, faces: np.ndarray, uv: np.ndarray | None
) -> bpy.types.Object:
    """A new mesh object in the scene at the 3D cursor, or beside it where something stands there already."""
    mesh = bpy.data.meshes.new(name)
    mesh[tags.JOB] = job_id
    write_mesh(mesh, vertices, faces, uv)
    avatar = bpy.data.objects.new(name, mesh)
    avatar[tags.JOB] = job_id
    avatar.location = layout.free_place(np.array(scene.cursor.location), _boxes(scene))
    _collection(scene).objects.link(avatar)
    return avatar


def select_only(scene: bpy.types.Scene, avatar: bpy.types.Object) -> None:
    """Makes the object the one selected and active, in the view layers that show it and where nothing is edited."""
    for layer in scene.view_layers:
        layer.update()  # a new object is not in it until then
        active = layer.objects.active
        if avatar.name not in layer.objects or (active and active.mode != "OBJECT"):
            continue
        for each in layer.objects:
            each.select_set(each == avatar, view_layer=layer)
        layer.objects.active = avatar


def fill_material(mesh: bpy.types.Mesh, slot: int) -> None:
    """Every face shows the material of the slot."""
    if MATERIAL not in mesh.attributes:
        mesh.attributes.new(MATERIAL, "INT", "FACE")
    _fill(mesh, MATERIAL, "value", np.full(len(mesh.polygons), slot, dtype=np.int32))
    mesh.update()


def show_slot(mesh: bpy.types.Mesh, polygons: np.ndarray, slot: int) -> None:
    """The named polygons show the material of the slot; the others keep theirs."""
    if MATERIAL not in mesh.attributes:
        mesh.attributes.new(MATERIAL, "INT", "FACE")
    values = np.empty(len(mesh.polygons), dtype=np.int32)
    mesh.attributes[MATERIAL].data.foreach_get("value", values)
    values[polygons] = slot
    _fill(mesh, MATERIAL, "value", values)
    mesh.update()


def _fill(mesh: bpy.types.Mesh, attribute: str, kind: str, values: np.ndarray) -> None:
    mesh.attributes[attribute].data.foreach_set(kind, np.ascontiguousarray(values).reshape(-1))


def _boxes(scene: bpy.types.Scene) -> np.ndarray:
    """Lowest and highest corner of each visible mesh of the scene, `[N, 2, 3]`."""
    boxes = []
    for each in scene.objects:
        if each.type == "MESH" and not each.hide_viewport:
            corners = np.array(each.bound_box) @ np.array(each.matrix_world)[:3, :3].T
            corners += np.array(each.matrix_world.translation)
            boxes.append([corners.min(axis=0), corners.max(axis=0)])
    return np.array(boxes).reshape(-1, 2, 3)


def _collection(scene: bpy.types.Scene) -> bpy.types.Collection:
    """Where the scene's new objects go: the active collection of its first view layer, if it can be edited."""
    for layer in scene.view_layers:
        active = layer.active_layer_collection
        if active and not active.exclude and active.collection.library is None:
            return active.collection
    return scene.collection
