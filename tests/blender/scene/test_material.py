# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import image, material, mesh, png, tags  # noqa: E402

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


def maps(side: int = 4) -> dict:
    normal = np.full((side, side, 3), (128, 128, 255), dtype=np.uint8)
    surface = np.full((side, side, 3), (200, 100, 0), dtype=np.uint8)
    return {
        "normal": image.new_map("one", "n", "normal", png.encode_now(normal)),
        "surface": image.new_map("one", "s", "surface", png.encode_now(surface)),
    }


def test_the_maps_reach_normal_and_roughness_and_occlusion_the_exporters_group():
    albedo = image.new_image("one", "albedo", 4)
    made = material.new_material("one", "Avatar", albedo)
    found = maps()
    assert {each.colorspace_settings.name for each in found.values()} == {"Non-Color"}
    assert image.read_image(found["surface"])[0, 0].tolist() == [200, 100, 0]
    material.add_maps(made, found)
    tree = made.node_tree
    shader = next(node for node in tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    bend = shader.inputs["Normal"].links[0].from_node
    assert bend.bl_idname == "ShaderNodeNormalMap" and bend.uv_map == mesh.UV_LAYER
    assert bend.inputs["Color"].links[0].from_node.image == found["normal"]
    rough = shader.inputs["Roughness"].links[0]
    assert rough.from_socket.name == "Green"
    assert rough.from_node.inputs[0].links[0].from_node.image == found["surface"]
    group = next(node for node in tree.nodes if node.bl_idname == "ShaderNodeGroup")
    assert group.node_tree.name == material.OCCLUSION_GROUP
    assert group.inputs["Occlusion"].links[0].from_socket.name == "Red"
    assert tree.nodes.active.image == albedo
    assert tags.find_image("one") == albedo and tags.find_map("one", "normal") == found["normal"]


def test_what_the_user_linked_stays():
    made = material.new_material("one", "Avatar", image.new_image("one", "albedo", 4))
    tree = made.node_tree
    shader = next(node for node in tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    own = tree.nodes.new("ShaderNodeValue")
    tree.links.new(own.outputs[0], shader.inputs["Roughness"])
    material.add_maps(made, maps())
    assert shader.inputs["Roughness"].links[0].from_node == own and shader.inputs["Normal"].is_linked
    tree.nodes.remove(shader)
    material.add_maps(made, maps())  # nothing to dress any more


def test_blenders_exporter_finds_all_three_maps(quad, tmp_path):
    import json

    albedo = image.new_image("one", "albedo", 4)
    image.show_file(albedo, image.packed(np.full((4, 4, 3), 90, dtype=np.uint8), 0))
    made = material.new_material("one", "Avatar", albedo)
    material.add_maps(made, maps())
    avatar = mesh.new_object(bpy.context.scene, "one", "Avatar", *quad)
    avatar.data.materials.append(made)
    bpy.ops.export_scene.gltf(filepath=str(tmp_path / "a.gltf"), export_format="GLTF_SEPARATE")
    (told,) = json.loads((tmp_path / "a.gltf").read_text())["materials"]
    assert "normalTexture" in told and "occlusionTexture" in told
    assert "metallicRoughnessTexture" in told["pbrMetallicRoughness"]
