# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import image, material, mesh  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]


def test_the_image_reaches_the_base_colour_of_a_rough_principled_shader():
    albedo = image.new_image("one", "albedo", 4)
    made = material.new_material("one", "Avatar", albedo)
    shader = next(node for node in made.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    texture = shader.inputs["Base Color"].links[0].from_node
    assert texture.image == albedo
    assert texture.inputs["Vector"].links[0].from_node.uv_map == mesh.UV_LAYER
    assert shader.inputs["Roughness"].default_value == pytest.approx(material.ROUGHNESS)
    assert tuple(shader.inputs["Specular Tint"].default_value[:3]) == (1, 1, 1)  # white: no tint
    assert shader.outputs["BSDF"].is_linked
