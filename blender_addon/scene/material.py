# SPDX-License-Identifier: GPL-3.0-or-later
"""The material of an avatar: one Principled shader that shows the albedo image, and the finer maps once they come."""

import bpy

from . import mesh as mesh_module
from . import tags

ROUGHNESS = 0.6
"""Until the surface map comes."""
OCCLUSION_GROUP = "glTF Material Output"
"""Where Blender's own glTF importer and exporter keep occlusion, for which its shaders have no socket."""


def new_material(job_id: str, name: str, image: bpy.types.Image) -> bpy.types.Material:
    """A Principled material with the image as base colour: rough skin and cloth, untinted speculars."""
    material = bpy.data.materials.new(name)
    material[tags.JOB] = job_id
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    texture = tree.nodes.new("ShaderNodeTexImage")
    uv = tree.nodes.new("ShaderNodeUVMap")
    for node, x in ((uv, -620), (texture, -400), (shader, -80), (output, 220)):
        node.location = (x, 0)
    uv.uv_map = mesh_module.UV_LAYER
    texture.image = image
    shader.inputs["Roughness"].default_value = ROUGHNESS
    tree.links.new(uv.outputs["UV"], texture.inputs["Vector"])
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    tree.nodes.active = texture  # what texture painting and baking look at
    return material


def repainted(
    before: bpy.types.Material | None, job_id: str, name: str, image: bpy.types.Image, layer: str
) -> bpy.types.Material:
    """A copy of a material, or a new one, whose base colour is the image on the UV layer; the original stays."""
    shader = None if before is None or not before.use_nodes else _principled(before.node_tree)
    if before is None or shader is None:
        made = new_material(job_id, name, image)
        for node in made.node_tree.nodes:
            if node.bl_idname == "ShaderNodeUVMap":
                node.uv_map = layer
        return made
    made = before.copy()
    made.name = name
    made[tags.JOB] = job_id
    tree, shader = made.node_tree, _principled(made.node_tree)
    assert shader is not None
    uv = _node(tree, "ShaderNodeUVMap", int(shader.location.x) - 540, int(shader.location.y) + 320)
    texture = _node(tree, "ShaderNodeTexImage", int(shader.location.x) - 320, int(shader.location.y) + 320)
    uv.uv_map, texture.image = layer, image
    tree.links.new(uv.outputs["UV"], texture.inputs["Vector"])
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    tree.nodes.active = texture
    return made


def _principled(tree: bpy.types.NodeTree) -> bpy.types.Node | None:
    return next((each for each in tree.nodes if each.bl_idname == "ShaderNodeBsdfPrincipled"), None)


def add_maps(material: bpy.types.Material, maps: dict[str, bpy.types.Image]) -> None:
    """Lets the material show normals and surface (red: occlusion, green: roughness); what the user has linked stays."""
    tree = material.node_tree
    shader = next((each for each in tree.nodes if each.bl_idname == "ShaderNodeBsdfPrincipled"), None)
    uv = next((each for each in tree.nodes if each.bl_idname == "ShaderNodeUVMap"), None)
    if shader is None or uv is None:
        return
    active = tree.nodes.active
    if "surface" in maps and not shader.inputs["Roughness"].is_linked:
        texture = _texture(tree, maps["surface"], uv, -320)
        split = _node(tree, "ShaderNodeSeparateColor", -120, -320)
        occlusion = _node(tree, "ShaderNodeGroup", 220, -200)
        occlusion.node_tree = _occlusion_group()
        tree.links.new(texture.outputs["Color"], split.inputs[0])
        tree.links.new(split.outputs["Green"], shader.inputs["Roughness"])
        tree.links.new(split.outputs["Red"], occlusion.inputs["Occlusion"])
    if "normal" in maps and not shader.inputs["Normal"].is_linked:
        texture = _texture(tree, maps["normal"], uv, -640)
        bend = _node(tree, "ShaderNodeNormalMap", -120, -640)
        bend.uv_map = mesh_module.UV_LAYER
        tree.links.new(texture.outputs["Color"], bend.inputs["Color"])
        tree.links.new(bend.outputs["Normal"], shader.inputs["Normal"])
    tree.nodes.active = active  # a new node takes its place


def _node(tree: bpy.types.NodeTree, kind: str, x: int, y: int) -> bpy.types.Node:
    made = tree.nodes.new(kind)
    made.location = (x, y)
    return made


def _texture(tree: bpy.types.NodeTree, picture: bpy.types.Image, uv: bpy.types.Node, y: int) -> bpy.types.Node:
    made = _node(tree, "ShaderNodeTexImage", -400, y)
    made.image = picture
    tree.links.new(uv.outputs["UV"], made.inputs["Vector"])
    return made


def _occlusion_group() -> bpy.types.NodeTree:
    """The exporter finds it by name: one socket, nothing inside."""
    group = bpy.data.node_groups.get(OCCLUSION_GROUP)
    if group is None:
        group = bpy.data.node_groups.new(OCCLUSION_GROUP, "ShaderNodeTree")
    known = [each.name for each in group.interface.items_tree]
    if "Occlusion" not in known:
        group.interface.new_socket("Occlusion", in_out="INPUT", socket_type="NodeSocketFloat")
    return group
