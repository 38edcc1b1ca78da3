# SPDX-License-Identifier: GPL-3.0-or-later
"""An object of the user's scene as arrays; nothing of it is changed by reading."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from . import axes, gathering, image
from .gathering import CLAY, Colours, Head

MOST_TRIANGLES = 2_000_000
COLOUR_SOCKETS = ("Base Color", "Color", "Emission Color")
"""Where a shader takes its colour from."""
TOPOLOGY = "its modifiers change the topology, so the mesh is read without them"


class HeadError(Exception):
    """An object that cannot be read as a head; `str()` is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the object is meant."""

    layer: str = ""
    """Name of the UV layer that the texture and the mask lie on; empty: the one that renders."""
    group: str = ""
    """Name of the vertex group that may change; empty: all may."""
    mask: str = ""
    """Name of the image, over the layer, whose white may change; empty: all may."""
    slot_only: bool = False
    """Only the faces of the active material may change."""


def read(found: bpy.types.Object | None, choice: Choice = Choice()) -> Head:
    """The object as it is shown. Raises HeadError."""
    if found is None or found.type != "MESH":
        raise HeadError("Select the mesh of a head first.")
    if found.mode == "EDIT":
        found.update_from_editmode()
    base = found.data
    base.calc_loop_triangles()
    if not len(base.loop_triangles):
        raise HeadError(f"{found.name} has no faces; choose an object with a surface.")
    if len(base.loop_triangles) > MOST_TRIANGLES:
        raise HeadError(f"{found.name} has {len(base.loop_triangles):,} triangles; {MOST_TRIANGLES:,} are the limit.")
    places, notes = _places(found)
    corner_vertices = _values(base.loops, "vertex_index", np.int32)
    triangles = _values(base.loop_triangles, "loops", np.int32, 3)
    polygons = _values(base.loop_triangles, "polygon_index", np.int32)
    if np.linalg.det(np.array(found.matrix_world)[:3, :3]) < 0:
        triangles = np.ascontiguousarray(triangles[:, ::-1])  # a mirrored object is inside out otherwise
    layer = _layer(base, choice.layer)
    uv = None if layer is None else _values(layer.data, "uv", np.float32, 2)
    weight = _weight(found, choice)
    shown, which = _colours(found, triangles, polygons, notes)
    picture, image_uv = None, None
    if len(shown) == 1 and shown[0].uv is not None:
        picture = _limited(shown[0].picture)
        image_uv = None if uv is not None and np.array_equal(shown[0].uv, uv[triangles]) else shown[0].uv
    elif shown:
        picture, image_uv = gathering.tiled(shown, which)
    head = gathering.split(places, corner_vertices, triangles, polygons, uv, image_uv, weight)
    head.image, head.notes = picture, notes
    if choice.mask:
        head.mask = _mask(choice.mask, uv is not None)
    return head


def _places(found: bpy.types.Object) -> tuple[np.ndarray, list[str]]:
    """Vertices `[V, 3]` in the backend's axes, as modifiers, armature and shape keys leave them where they can."""
    base = found.data
    evaluated = found.evaluated_get(bpy.context.evaluated_depsgraph_get())
    shape = evaluated.to_mesh()
    notes: list[str] = []
    try:
        alike = len(shape.vertices) == len(base.vertices) and len(shape.loops) == len(base.loops)
        source = shape if alike else base
        places = _values(source.vertices, "co", np.float32, 3)
        if not alike:
            notes.append(TOPOLOGY)
    finally:
        evaluated.to_mesh_clear()
    turn = np.array(found.matrix_world)[:3, :3]
    scene = places.astype(np.float64) @ turn.T
    return (scene @ axes.BOX_TO_BLENDER).astype(np.float32), notes


def _layer(base: bpy.types.Mesh, name: str) -> bpy.types.MeshUVLoopLayer | None:
    if name:
        if name not in base.uv_layers:
            raise HeadError(
                f"There is no UV layer {name!r}; choose one of {', '.join(base.uv_layers.keys()) or 'none'}."
            )
        return base.uv_layers[name]
    return next((each for each in base.uv_layers if each.active_render), None)


def _weight(found: bpy.types.Object, choice: Choice) -> np.ndarray | None:
    """How far each corner may change, or None for all."""
    base = found.data
    weight = None
    if choice.group:
        group = found.vertex_groups.get(choice.group)
        if group is None:
            raise HeadError(f"There is no vertex group {choice.group!r} on {found.name}.")
        by_vertex = np.zeros(len(base.vertices), np.float32)
        for vertex in base.vertices:
            for each in vertex.groups:
                if each.group == group.index:
                    by_vertex[vertex.index] = each.weight
        weight = by_vertex[_values(base.loops, "vertex_index", np.int32)]
    if choice.slot_only and len(base.materials) > 1:
        mine = _values(base.polygons, "material_index", np.int32) == found.active_material_index
        corners = np.repeat(mine, _values(base.polygons, "loop_total", np.int32)).astype(np.float32)
        weight = corners if weight is None else weight * corners
    if weight is not None and not weight.any():
        raise HeadError("Nothing of the head may change: the vertex group or the material's faces are empty.")
    return weight


def _mask(name: str, placed: bool) -> np.ndarray:
    picture = bpy.data.images.get(name)
    if picture is None or not min(picture.size):
        raise HeadError(f"There is no image {name!r} with pixels; choose another mask.")
    if not placed:
        raise HeadError("A mask image needs a UV layer to lie on; unwrap the head, or use a vertex group.")
    return _limited(image.read_image(picture)).max(axis=2)


def _colours(
    found: bpy.types.Object, triangles: np.ndarray, polygons: np.ndarray, notes: list[str]
) -> tuple[list[Colours], np.ndarray]:
    """What the materials show, and which of it each triangle; nothing where no material says anything."""
    base = found.data
    slots = _values(base.polygons, "material_index", np.int32)[polygons]
    count = max(len(found.material_slots), 1)
    shown: list[Colours] = []
    which = np.zeros(len(triangles), np.int64)
    said = False
    for slot in np.unique(np.minimum(slots, count - 1)):
        held = found.material_slots[slot].material if len(found.material_slots) else None
        colours, known = _of_material(base, held, triangles, notes)
        said |= known
        which[np.minimum(slots, count - 1) == slot] = len(shown)
        shown.append(colours)
    return (shown, which) if said else ([], which)


def _of_material(
    base: bpy.types.Mesh, held: bpy.types.Material | None, triangles: np.ndarray, notes: list[str]
) -> tuple[Colours, bool]:
    """A material's picture, vertex colours or plain colour, and whether it says anything at all."""
    name = "" if held is None else held.name
    socket = None if held is None or not held.use_nodes else _colour_socket(held.node_tree)
    node = None if socket is None else _picture_node(socket, set())
    if node is not None and node.bl_idname == "ShaderNodeTexImage":
        layer = _layer_of(node, base)
        if node.image is not None and min(node.image.size) > 0 and layer is not None:
            if node.image.source == "TILED":
                notes.append(f"of the tiles of {node.image.name} only the first is read; bake them into one picture")
            return Colours(image.read_image(node.image), _values(layer.data, "uv", np.float32, 2)[triangles]), True
        notes.append(f"the picture of material {name} cannot be read, so its plain colour is taken")
    painted = base.color_attributes.active_color if len(base.color_attributes) else None
    if painted is not None and (node is not None or held is None):
        return _of_vertices(base, painted, triangles), True
    if socket is not None and socket.is_linked and node is None:
        notes.append(f"the nodes of material {name} are not read, so its plain colour is taken; bake them first")
    if socket is not None:
        return _plain(socket.default_value), True
    return (_plain(held.diffuse_color), True) if held is not None else (Colours(_dot(CLAY), None), False)


def _colour_socket(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket | None:
    """The colour of the shader that reaches the output."""
    output = tree.get_output_node("ALL")
    node = output.inputs["Surface"].links[0].from_node if output and output.inputs["Surface"].is_linked else None
    seen: set[str] = set()
    while node is not None and node.name not in seen:
        seen.add(node.name)
        for name in COLOUR_SOCKETS:
            if name in node.inputs and node.inputs[name].type == "RGBA":
                return node.inputs[name]
        linked = [each for each in node.inputs if each.type == "SHADER" and each.is_linked]
        node = linked[-1].links[0].from_node if linked else None
    return None


def _picture_node(socket: bpy.types.NodeSocket, seen: set[str]) -> bpy.types.Node | None:
    """The first image or painted attribute behind a socket."""
    for link in socket.links:
        node = link.from_node
        if node.name in seen:
            continue
        seen.add(node.name)
        if node.bl_idname in ("ShaderNodeTexImage", "ShaderNodeVertexColor", "ShaderNodeAttribute"):
            return node
        for each in node.inputs:
            if each.type == "RGBA" and (found := _picture_node(each, seen)) is not None:
                return found
    return None


def _layer_of(node: bpy.types.Node, base: bpy.types.Mesh) -> bpy.types.MeshUVLoopLayer | None:
    """The UV layer that an image node reads, as far as plain links tell."""
    source, seen = node, set()
    while source.inputs and source.inputs[0].is_linked and source.name not in seen:
        seen.add(source.name)
        source = source.inputs[0].links[0].from_node
    if source.bl_idname == "ShaderNodeUVMap" and source.uv_map in base.uv_layers:
        return base.uv_layers[source.uv_map]
    return _layer(base, "")


def _of_vertices(base: bpy.types.Mesh, painted: bpy.types.Attribute, triangles: np.ndarray) -> Colours:
    values = np.empty(4 * len(painted.data), np.float32)
    painted.data.foreach_get("color_srgb", values)
    colours = (np.clip(values.reshape(-1, 4)[:, :3], 0, 1) * 255 + 0.5).astype(np.uint8)
    corners = triangles.reshape(-1)
    if painted.domain == "POINT":
        corners = _values(base.loops, "vertex_index", np.int32)[corners]
    return Colours(*gathering.corner_sheet(colours[corners].reshape(-1, 3, 3)))


def _plain(linear: Iterable[float]) -> Colours:
    """A socket's colour, which is linear."""
    return Colours(_dot(tuple(np.rint(255 * axes.encoded(np.array(list(linear)[:3]))).astype(int))), None)


def _dot(colour: tuple[int, ...]) -> np.ndarray:
    return np.array(colour, np.uint8).reshape(1, 1, 3)


def _limited(picture: np.ndarray) -> np.ndarray:
    height, width = (min(side, gathering.MOST_SIDE) for side in picture.shape[:2])
    return picture if (height, width) == picture.shape[:2] else gathering.shrunk(picture, height, width)


def _values(collection: Any, name: str, dtype: type, width: int = 1) -> np.ndarray:
    found: np.ndarray = np.empty(width * len(collection), dtype=dtype)
    collection.foreach_get(name, found)
    return found.reshape(-1, width) if width > 1 else found
