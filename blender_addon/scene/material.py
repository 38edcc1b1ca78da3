# SPDX-License-Identifier: GPL-3.0-or-later
"""The material of an avatar: one Principled shader that shows the albedo image."""

import bpy

from . import mesh as mesh_module
from . import tags

ROUGHNESS = 0.6


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
