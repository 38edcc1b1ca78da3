# SPDX-License-Identifier: GPL-3.0-or-later
"""A head of quads beside the one of triangles, in the same materials and under the same textures.

QuadriFlow (Huang et al. 2018, part of Blender) makes the faces. Each takes the chart of the surface it lies on, and its
corners the texture places of that chart's nearest points: nothing is baked again, and no chart shows another's colours.
"""

import bpy
import numpy as np
from mathutils import Matrix
from mathutils.bvhtree import BVHTree

from . import islands, tags

WORKING_SIZE = 100.0
"""Longest side of the mesh while it is remeshed, metres."""
VOXELS = 160
"""Along the longest side, where the mesh has to be closed first."""
KEPT = (tags.RECIPE, tags.SOURCE, tags.PORTRAIT)


class RemeshError(Exception):
    """A mesh that could not be remeshed; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def remesh(source: bpy.types.Object, faces: int) -> bpy.types.Object:
    """A new object of about `faces` quads where the source is; the source stays as it is.

    Raises RemeshError.
    """
    if source.data.uv_layers.active is None:
        raise RemeshError(f"{source.name} has no texture coordinates", "Unwrap it, or choose an avatar.")
    made = source.copy()
    made.name = f"{source.name} quads"
    made.data = source.data.copy()
    made.data.name = made.name
    made.modifiers.clear()
    made.shape_key_clear()
    for block in (made, made.data):
        for name in [name for name in block.keys() if name.startswith("maquette") and name not in KEPT]:  # noqa: SIM118
            del block[name]
    for collection in source.users_collection:
        collection.objects.link(made)
    try:
        _to_quads(made, faces)
        carry(source.data, made.data)
    except RemeshError:
        left = made.data
        bpy.data.objects.remove(made)
        bpy.data.meshes.remove(left)
        raise
    return made


def carry(source: bpy.types.Mesh, target: bpy.types.Mesh) -> None:
    """Texture coordinates, materials and smooth shading of one mesh for another that lies on it."""
    layer = source.uv_layers.active
    source.calc_loop_triangles()
    vertices = _read(source.vertices, "co", 3)
    triangles = _read(source.loop_triangles, "vertices", 3, np.int32)
    loops = _read(source.loop_triangles, "loops", 3, np.int32)
    polygon = _read(source.loop_triangles, "polygon_index", 1, np.int32)
    flat = _read(layer.uv, "vector", 2)
    corners = _read(source.loops, "vertex_index", 1, np.int32)
    starts = _read(source.polygons, "loop_start", 1, np.int32)
    chart = islands.islands(corners, flat, starts)[polygon]
    whole = _tree(vertices, triangles, np.arange(len(triangles)))
    centres = _read(target.polygons, "center", 3)
    under = np.array([whole.find_nearest(centre)[2] for centre in centres])
    rows = {number: np.flatnonzero(chart == number) for number in np.unique(chart[under])}
    trees = {number: _tree(vertices, triangles, row) for number, row in rows.items()}
    sides = _read(target.polygons, "loop_total", 1, np.int32)
    pairs = np.stack([_read(target.loops, "vertex_index", 1, np.int32), np.repeat(chart[under], sides)], 1)
    wanted, inverse = np.unique(pairs, axis=0, return_inverse=True)
    places = _read(target.vertices, "co", 3)
    points, hit = np.empty((len(wanted), 3)), np.empty(len(wanted), np.int64)
    for row, (vertex, number) in enumerate(wanted):
        nearest, _, index, _ = trees[number].find_nearest(places[vertex])
        points[row], hit[row] = nearest, rows[number][index]
    weights = islands.barycentric(points, vertices[triangles[hit]])
    found = (weights[..., None] * flat[loops[hit]]).sum(1).astype(np.float32)
    for each in list(target.uv_layers):
        target.uv_layers.remove(each)
    target.uv_layers.new(name=layer.name).uv.foreach_set("vector", found[inverse.reshape(-1)].reshape(-1))
    shown = _read(source.polygons, "material_index", 1, np.int32)
    target.polygons.foreach_set("material_index", shown[polygon[under]])
    target.polygons.foreach_set("use_smooth", np.ones(len(target.polygons), bool))
    target.update()


def _to_quads(made: bpy.types.Object, faces: int) -> None:
    """QuadriFlow, if need be on a closed skin of the mesh."""
    places = _read(made.data.vertices, "co", 3)
    # QuadriFlow takes edges of a millimetre for no edges.
    scale = WORKING_SIZE / max(float(np.ptp(places, axis=0).max()), 1e-9)
    made.data.transform(Matrix.Scale(scale, 4))
    with bpy.context.temp_override(object=made, active_object=made, selected_objects=[made]):
        if not _quadriflow(faces):
            made.data.remesh_voxel_size = WORKING_SIZE / VOXELS
            bpy.ops.object.voxel_remesh()
            if not len(made.data.polygons) or not _quadriflow(faces):
                raise RemeshError(f"{made.name} could not be made", "Close the head's holes, or ask for more faces.")
    made.data.transform(Matrix.Scale(1 / scale, 4))


def _quadriflow(faces: int) -> bool:
    try:
        done = bpy.ops.object.quadriflow_remesh(mode="FACES", target_faces=faces, seed=0)
    except RuntimeError:  # what it reports as an error, open or crossing surfaces above all
        return False
    return "FINISHED" in done


def _tree(vertices: np.ndarray, triangles: np.ndarray, rows: np.ndarray) -> BVHTree:
    return BVHTree.FromPolygons(vertices.tolist(), triangles[rows].tolist(), all_triangles=True)


def _read(collection: bpy.types.bpy_prop_collection, name: str, width: int, kind: type = np.float32) -> np.ndarray:
    values: np.ndarray = np.empty(len(collection) * width, kind)
    collection.foreach_get(name, values)
    return values.reshape(-1, width) if width > 1 else values
