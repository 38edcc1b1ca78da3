# SPDX-License-Identifier: GPL-3.0-or-later
"""What a crowd's layout needs of the scene's objects: triangles of a ground, points of a curve, as arrays."""

import bpy
import numpy as np

from . import layout


def triangles(scene: bpy.types.Scene, name: str) -> np.ndarray | None:
    """World corners `[F, 3, 3]` of the object's evaluated surface; None if there is no such object with faces."""
    found = scene.objects.get(name)
    if found is None:
        return None
    evaluated = found.evaluated_get(_depsgraph(scene))
    try:
        shape = evaluated.to_mesh()
    except RuntimeError:  # an object without geometry
        return None
    try:
        shape.calc_loop_triangles()
        corners = np.empty(3 * len(shape.loop_triangles), dtype=np.int32)
        shape.loop_triangles.foreach_get("vertices", corners)
        places = _world(_coordinates(shape), found)
    finally:
        evaluated.to_mesh_clear()
    return places[corners].reshape(-1, 3, 3) if len(corners) else None


def path(scene: bpy.types.Scene, name: str) -> np.ndarray | None:
    """World points `[K, 3]` of a curve, or of the edges of a mesh, in order; None if there is no such object."""
    found = scene.objects.get(name)
    if found is None or found.type not in ("CURVE", "MESH"):
        return None
    shape = found.data
    if found.type == "MESH":
        return _chained(shape, found)
    # The curve itself, without the thickness that it may be drawn with.
    thin = shape.copy()
    thin.bevel_depth = thin.extrude = 0.0
    thin.bevel_object = thin.taper_object = None
    thin.dimensions = "3D"
    bare = bpy.data.objects.new("Maquette path", thin)
    try:
        return _chained(bare.to_mesh(), found)
    finally:
        bare.to_mesh_clear()
        bpy.data.objects.remove(bare)
        bpy.data.curves.remove(thin)


def camera(scene: bpy.types.Scene) -> np.ndarray | None:
    """Where the scene's camera is."""
    return None if scene.camera is None else np.array(scene.camera.matrix_world.translation)


def _chained(shape: bpy.types.Mesh, found: bpy.types.Object) -> np.ndarray:
    edges = np.empty(2 * len(shape.edges), dtype=np.int32)
    shape.edges.foreach_get("vertices", edges)
    return _world(_coordinates(shape), found)[layout.chained(edges.reshape(-1, 2))]


def _coordinates(shape: bpy.types.Mesh) -> np.ndarray:
    places = np.empty(3 * len(shape.vertices), dtype=np.float32)
    shape.vertices.foreach_get("co", places)
    return places.reshape(-1, 3).astype(float)


def _world(places: np.ndarray, found: bpy.types.Object) -> np.ndarray:
    pose = np.array(found.matrix_world)
    return places @ pose[:3, :3].T + pose[:3, 3]


def _depsgraph(scene: bpy.types.Scene) -> bpy.types.Depsgraph:
    layer = scene.view_layers[0]
    layer.update()
    return layer.depsgraph if layer.depsgraph is not None else bpy.context.evaluated_depsgraph_get()
