# SPDX-License-Identifier: GPL-3.0-or-later
"""A crowd in the scene: distinct people once, everyone else as an object that shares their meshes, or as an instance.

People are meshes, one per level of detail, with one material and its packed textures each. Thousands of them are one
object of points whose geometry nodes put a person onto each point; named attributes of the points say whom, how large
and how tinted. Materials read the tint from the instance, or from the object where it is one of its own.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from . import material, mesh

TINT, CLOTHES = "maquette_tint", "maquette_clothes"
"""Custom property of an object, attribute of a point: factor on the colour, less 1, so that nothing changes where it is
missing."""
SLOT, VIEWPORT_SLOT, HEADING, SCALE = "maquette_slot", "maquette_viewport_slot", "maquette_heading", "maquette_scale"
"""Attributes of the points: which of the people's objects to show in renders and in the viewport, and how."""
PERSON = "maquette_person"
"""Custom property of an object: number of the distinct person."""
COLLAR = (0.075, 0.105)
"""Metres above a bust's base between which clothes end, softly."""
GROUP = "Maquette crowd"
BATCH = 100
"""Objects between two pauses, some ten milliseconds."""


@dataclass(frozen=True, slots=True)
class Look:
    """A distinct person as Blender has him."""

    levels: tuple[str, ...]
    """Name of the mesh of each level of detail that was asked for; the same one again where a level would not be
    coarser. Names, as undo or another file may take the meshes away between two steps."""


def new_person(
    key: str, name: str, vertices: np.ndarray, uv: np.ndarray, levels: Sequence[np.ndarray], pictures: dict[str, Path]
) -> Generator[None, None, Look]:
    """Returns the person's meshes, from the backend's axes, with the texture files packed into the .blend: "albedo",
    and "normal" and "surface" where there are such."""
    loaded = {}
    for kind, file in pictures.items():
        loaded[kind] = bpy.data.images.load(str(file), check_existing=False)
        loaded[kind].name = f"{name} {kind}"
        loaded[kind].colorspace_settings.name = "sRGB" if kind == "albedo" else "Non-Color"
        loaded[kind].pack()
    dress = material.new_material(key, name, loaded.pop("albedo"))
    _tint(dress)
    material.add_maps(dress, loaded)
    dress_name = dress.name
    made: dict[int, str] = {}
    for number, faces in enumerate(levels):
        if len(faces) in made:
            continue
        used, corners = np.unique(faces, return_inverse=True)
        shape = bpy.data.meshes.new(f"{name} L{number}")
        mesh.write_mesh(shape, vertices[used], corners.reshape(-1, 3).astype(np.int32), uv[used])
        shape.materials.append(bpy.data.materials[dress_name])
        made[len(faces)] = shape.name
        yield
    return Look(tuple(made[len(faces)] for faces in levels))


def new_collection(scene: bpy.types.Scene, name: str) -> bpy.types.Collection:
    """An empty collection in the scene; a name that is taken gets a number."""
    collection = bpy.data.collections.new(name)
    scene.collection.children.link(collection)
    return collection


def place_objects(
    name: str,
    looks: Sequence[Look],
    people: np.ndarray,
    levels: np.ndarray,
    positions: np.ndarray,
    headings: np.ndarray,
    scales: np.ndarray,
    tints: np.ndarray,
    clothes: np.ndarray,
) -> Iterator[None]:
    """One object per row in the collection; they share meshes, and can be moved, hidden and animated one by one."""
    for row in range(len(people)):
        shape = bpy.data.meshes[looks[people[row]].levels[levels[row]]]
        each = bpy.data.objects.new(f"{name} {row:05d}", shape)
        each.location = positions[row]
        each.rotation_euler = (0.0, 0.0, headings[row])
        each.scale = (scales[row],) * 3
        each[PERSON] = int(people[row])
        each[TINT], each[CLOTHES] = (tints[row] - 1).tolist(), (clothes[row] - 1).tolist()
        bpy.data.collections[name].objects.link(each)
        if row % BATCH == BATCH - 1:
            yield


def place_points(
    scene: bpy.types.Scene,
    collection: bpy.types.Collection,
    looks: Sequence[Look],
    people: np.ndarray,
    levels: np.ndarray,
    viewport_levels: np.ndarray,
    positions: np.ndarray,
    headings: np.ndarray,
    scales: np.ndarray,
    tints: np.ndarray,
    clothes: np.ndarray,
) -> bpy.types.Object:
    """One object whose points carry everyone."""
    source = bpy.data.collections.new(f"{collection.name} people")
    collection.children.link(source)
    slots = _people_objects(source, looks)
    points = bpy.data.meshes.new(collection.name)
    points.vertices.add(len(positions))
    points.vertices.foreach_set("co", positions.astype(np.float32).reshape(-1))
    for name, kind, field, values in (
        (SLOT, "INT", "value", slots[people, levels]),
        (VIEWPORT_SLOT, "INT", "value", slots[people, viewport_levels]),
        (PERSON, "INT", "value", people),
        (HEADING, "FLOAT", "value", headings),
        (SCALE, "FLOAT", "value", scales),
        (TINT, "FLOAT_VECTOR", "vector", tints - 1),
        (CLOTHES, "FLOAT_VECTOR", "vector", clothes - 1),
    ):
        dtype = np.int32 if kind == "INT" else np.float32
        points.attributes.new(name, kind, "POINT").data.foreach_set(field, values.astype(dtype).reshape(-1))
    crowd = bpy.data.objects.new(collection.name, points)
    collection.objects.link(crowd)
    modifier = crowd.modifiers.new(GROUP, "NODES")
    modifier.node_group = _instancing(source)
    for layer in scene.view_layers:
        # The people themselves are drawn on points only.
        found = _layer_collection(layer.layer_collection, source)
        if found is not None:
            found.exclude = True
    return crowd


def _people_objects(source: bpy.types.Collection, looks: Sequence[Look]) -> np.ndarray:
    """An object for each mesh, and the slot of each person's levels `[P, L]`: geometry nodes sort children by name."""
    slots = np.zeros((len(looks), len(looks[0].levels)), dtype=np.int64)
    count = 0
    for person, look in enumerate(looks):
        known: dict[str, int] = {}
        for level, shape in enumerate(look.levels):
            if shape not in known:
                each = bpy.data.objects.new(f"{source.name} {person:05d} {level}", bpy.data.meshes[shape])
                source.objects.link(each)
                known[shape] = count
                count += 1
            slots[person, level] = known[shape]
    return slots


def _layer_collection(
    root: bpy.types.LayerCollection, wanted: bpy.types.Collection
) -> bpy.types.LayerCollection | None:
    if root.collection == wanted:
        return root
    return next((found for each in root.children if (found := _layer_collection(each, wanted))), None)


def _instancing(source: bpy.types.Collection) -> bpy.types.NodeTree:
    """Points in, instances of the collection's objects out."""
    group = bpy.data.node_groups.new(GROUP, "GeometryNodeTree")
    group.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    nodes, links = group.nodes, group.links

    def node(kind: str, x: int, y: int) -> bpy.types.Node:
        made = nodes.new(kind)
        made.location = (x, y)
        return made

    def attribute(name: str, kind: str, y: int) -> bpy.types.NodeSocket:
        made = node("GeometryNodeInputNamedAttribute", -600, y)
        made.data_type = kind
        made.inputs["Name"].default_value = name
        return next(each for each in made.outputs if each.enabled)

    into, out = node("NodeGroupInput", -200, 200), node("NodeGroupOutput", 500, 100)
    people = node("GeometryNodeCollectionInfo", -200, 50)
    people.transform_space = "ORIGINAL"
    people.inputs["Collection"].default_value = source
    people.inputs["Separate Children"].default_value = True
    people.inputs["Reset Children"].default_value = True
    instance = node("GeometryNodeInstanceOnPoints", 200, 100)
    instance.inputs["Pick Instance"].default_value = True
    viewport = node("GeometryNodeIsViewport", -600, -50)
    choose = node("GeometryNodeSwitch", -200, -150)
    choose.input_type = "INT"
    turn = node("ShaderNodeCombineXYZ", -400, -400)
    rotation = node("FunctionNodeEulerToRotation", -200, -400)
    links.new(viewport.outputs[0], choose.inputs["Switch"])
    links.new(attribute(SLOT, "INT", -150), choose.inputs["False"])
    links.new(attribute(VIEWPORT_SLOT, "INT", -280), choose.inputs["True"])
    links.new(attribute(HEADING, "FLOAT", -410), turn.inputs["Z"])
    links.new(turn.outputs[0], rotation.inputs[0])
    links.new(into.outputs[0], instance.inputs["Points"])
    links.new(people.outputs[0], instance.inputs["Instance"])
    links.new(choose.outputs[0], instance.inputs["Instance Index"])
    links.new(rotation.outputs[0], instance.inputs["Rotation"])
    links.new(attribute(SCALE, "FLOAT", -540), instance.inputs["Scale"])
    links.new(instance.outputs[0], out.inputs[0])
    return group


def _tint(dress: bpy.types.Material) -> None:
    """Puts the two factors between the texture and the shader: albedo x tint x (below the collar: clothes)."""
    tree = dress.node_tree
    nodes, links = tree.nodes, tree.links
    shader = next(each for each in nodes if each.bl_idname == "ShaderNodeBsdfPrincipled")
    colour = shader.inputs["Base Color"].links[0].from_socket

    def node(kind: str, x: int, y: int, **settings: object) -> bpy.types.Node:
        made = nodes.new(kind)
        made.location = (x, y)
        for name, value in settings.items():
            setattr(made, name, value)
        return made

    def shift(name: str, y: int) -> bpy.types.NodeSocket:
        made = node("ShaderNodeAttribute", -800, y, attribute_type="INSTANCER", attribute_name=name)
        return made.outputs["Vector"]

    where = node("ShaderNodeTexCoord", -1200, -600)
    height = node("ShaderNodeSeparateXYZ", -1000, -600)
    below = node("ShaderNodeMapRange", -800, -600, interpolation_type="SMOOTHSTEP")
    below.inputs["From Min"].default_value, below.inputs["From Max"].default_value = COLLAR
    below.inputs["To Min"].default_value, below.inputs["To Max"].default_value = 1.0, 0.0
    dressed = node("ShaderNodeVectorMath", -600, -450, operation="SCALE")
    factors = [node("ShaderNodeVectorMath", x, y, operation="ADD") for x, y in ((-600, -250), (-400, -450))]
    products = [node("ShaderNodeVectorMath", x, 0, operation="MULTIPLY") for x in (-400, -240)]
    links.new(where.outputs["Object"], height.inputs[0])
    links.new(height.outputs["Z"], below.inputs["Value"])
    links.new(shift(CLOTHES, -400), dressed.inputs[0])
    links.new(below.outputs[0], dressed.inputs["Scale"])
    for factor, source in zip(factors, (shift(TINT, -200), dressed.outputs[0]), strict=True):
        factor.inputs[1].default_value = (1.0, 1.0, 1.0)
        links.new(source, factor.inputs[0])
    for product, source, factor in zip(products, (colour, products[0].outputs[0]), factors, strict=True):
        links.new(source, product.inputs[0])
        links.new(factor.outputs[0], product.inputs[1])
    links.new(products[1].outputs[0], shader.inputs["Base Color"])
