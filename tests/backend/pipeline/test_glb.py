# SPDX-License-Identifier: GPL-3.0-or-later
import io
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from backend.pipeline.glb import METRES_PER_UNIT, glb
from backend.surface.mesh import Mesh
from backend.texture.maps import TextureSet

QUAD = Mesh(
    np.array([[0, 0, 0], [1, 0, 0], [1, 2, 0], [0, 2, 0]], np.float32),
    np.array([[0, 1, 2], [0, 2, 3]], np.int32),
    np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32),
)
ALBEDO = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
TEXTURES = TextureSet(ALBEDO, np.ones((8, 8), bool), 0)


def read(content: bytes) -> tuple[dict, list[bytes]]:
    """The document and the buffer views' bytes, by the specification."""
    magic, version, length = struct.unpack_from("<III", content)
    assert (magic, version, length) == (0x46546C67, 2, len(content))
    json_length, json_kind = struct.unpack_from("<II", content, 12)
    document = json.loads(content[20 : 20 + json_length])
    binary_length, binary_kind = struct.unpack_from("<II", content, 20 + json_length)
    binary = content[28 + json_length :]
    assert (json_kind, binary_kind) == (0x4E4F534A, 0x004E4942)
    assert len(binary) == binary_length == document["buffers"][0]["byteLength"]
    views = [binary[view["byteOffset"] :][: view["byteLength"]] for view in document["bufferViews"]]
    return document, views


def test_arrays_and_picture_come_back() -> None:
    document, views = read(glb(QUAD, TEXTURES, "Quad", {"seed": 7}))
    assert np.array_equal(np.frombuffer(views[0], "<f4").reshape(-1, 3), QUAD.vertices * np.float32(0.2))
    assert np.allclose(np.frombuffer(views[1], "<f4").reshape(-1, 3), [0, 0, 1])
    assert np.array_equal(np.frombuffer(views[2], "<f4").reshape(-1, 2), [[0, 1], [1, 1], [1, 0], [0, 0]])
    assert np.array_equal(np.frombuffer(views[3], "<u4").reshape(-1, 3), QUAD.faces)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(views[4]))), ALBEDO)
    assert np.allclose(document["accessors"][0]["max"], [0.2, 0.4, 0]) and document["accessors"][3]["count"] == 6
    assert document["nodes"][0]["extras"] == {"seed": 7}
    assert all(view["byteOffset"] % 4 == 0 for view in document["bufferViews"])


def test_maps_come_back_where_gltf_wants_them() -> None:
    plane = np.full((8, 8), 255, np.uint8)
    finished = replace(TEXTURES, normal=ALBEDO[::-1], occlusion=plane // 2, roughness=plane // 3)
    document, views = read(glb(QUAD, finished, "Quad", {}))
    material = document["materials"][0]

    def picture(place: dict) -> np.ndarray:
        image = document["images"][document["textures"][place["index"]]["source"]]
        return np.asarray(Image.open(io.BytesIO(views[image["bufferView"]])))

    assert np.array_equal(picture(material["normalTexture"]), finished.normal)
    assert np.array_equal(picture(material["pbrMetallicRoughness"]["baseColorTexture"]), ALBEDO)
    surface = picture(material["pbrMetallicRoughness"]["metallicRoughnessTexture"])
    assert np.array_equal(surface, picture(material["occlusionTexture"]))
    assert (surface == [127, 85, 0]).all()
    assert material["pbrMetallicRoughness"]["roughnessFactor"] == 1
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["TANGENT"]]
    assert accessor["type"] == "VEC4"
    frames = np.frombuffer(views[accessor["bufferView"]], "<f4").reshape(-1, 4)
    assert np.allclose(frames, [1, 0, 0, 1])


def test_without_texture_coordinates_it_is_refused() -> None:
    with pytest.raises(ValueError, match="unwrap"):
        glb(Mesh(QUAD.vertices, QUAD.faces), TEXTURES, "Quad", {})


def test_as_large_as_in_the_addon() -> None:
    from blender_addon.scene import axes

    assert axes.METRES_PER_UNIT == METRES_PER_UNIT


@pytest.mark.blender
def test_blender_reads_it(tmp_path) -> None:
    bpy = pytest.importorskip("bpy", reason="bpy is an extra")
    plane = np.full((8, 8), 255, np.uint8)
    finished = replace(TEXTURES, normal=ALBEDO, occlusion=plane, roughness=plane)
    (tmp_path / "quad.glb").write_bytes(glb(QUAD, finished, "Quad", {"seed": 7}))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(tmp_path / "quad.glb"))
    found = bpy.data.objects["Quad"]
    assert found["seed"] == 7 and len(found.data.polygons) == 2 and len(found.data.uv_layers) == 1
    world = np.array([found.matrix_world @ vertex.co for vertex in found.data.vertices])
    assert np.allclose(np.ptp(world, axis=0), [0.2, 0, 0.4], atol=1e-6)
    normal = found.matrix_world.to_3x3() @ found.data.polygons[0].normal
    assert np.allclose(normal, [0, -1, 0], atol=1e-6)
    assert all(tuple(image.size) == (8, 8) for image in bpy.data.images)
    spaces = {image.name: image.colorspace_settings.name for image in bpy.data.images}
    assert spaces == {"Quad albedo": "sRGB", "Quad surface": "Non-Color", "Quad normals": "Non-Color"}
    kinds = [node.bl_idname for node in found.data.materials[0].node_tree.nodes]
    assert "ShaderNodeNormalMap" in kinds
