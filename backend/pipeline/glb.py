# SPDX-License-Identifier: GPL-3.0-or-later
"""A textured mesh as one binary glTF 2.0 file, written directly: a header, a JSON chunk, a chunk of raw arrays.

glTF's axes are ours: +Y up, face to +Z (which Blender's importer turns to -Y). Its texture origin is top left, its
lengths are metres.
"""

import io
import json
import struct
from typing import Any

import numpy as np
from PIL import Image

from backend import __version__
from backend.surface.mesh import Mesh
from backend.texture.maps import TextureSet
from backend.texture.relief import tangents

MAGIC, JSON_CHUNK, BINARY_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
FLOAT, UNSIGNED_INT = 5126, 5125
VERTEX_BUFFER, INDEX_BUFFER = 34962, 34963
LINEAR_MIPMAP, LINEAR, CLAMP = 9987, 9729, 33071
METRES_PER_UNIT = 0.2
"""A head of 1.15 box units is 23 cm high, as the add-on has it."""
ROUGHNESS = 0.6
"""Skin, hair and cloth seen as one material."""


def glb(
    mesh: Mesh, textures: TextureSet, name: str, extras: dict[str, Any], metres_per_unit: float = METRES_PER_UNIT
) -> bytes:
    """The file's content; `extras` (JSON values) travel with the node. The mesh must have UVs."""
    if mesh.uv is None:
        raise ValueError("the mesh has no texture coordinates; call unwrap first")
    positions = (mesh.vertices * np.float32(metres_per_unit)).astype("<f4")
    normals = mesh.normals().astype("<f4")
    texture_positions = np.column_stack([mesh.uv[:, 0], 1 - mesh.uv[:, 1]]).astype("<f4")
    parts = [
        positions.tobytes(),
        normals.tobytes(),
        texture_positions.tobytes(),
        mesh.faces.astype("<u4").tobytes(),
        _png(textures.albedo),
    ]
    count = len(mesh.vertices)
    accessors = [
        _accessor(0, FLOAT, count, "VEC3") | {"min": positions.min(0).tolist(), "max": positions.max(0).tolist()},
        _accessor(1, FLOAT, count, "VEC3"),
        _accessor(2, FLOAT, count, "VEC2"),
        _accessor(3, UNSIGNED_INT, mesh.faces.size, "SCALAR"),
    ]
    attributes = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}
    surface: dict[str, Any] = {
        "baseColorTexture": {"index": 0},
        "metallicFactor": 0.0,
        "roughnessFactor": ROUGHNESS,
    }
    material: dict[str, Any] = {"name": name, "pbrMetallicRoughness": surface}
    images = [{"name": f"{name} albedo", "mimeType": "image/png", "bufferView": 4}]
    if textures.occlusion is not None and textures.roughness is not None:
        # Red, green, blue: occlusion, roughness, metal, as one picture.
        metal = np.zeros_like(textures.roughness)
        parts.append(_png(np.stack([textures.occlusion, textures.roughness, metal], -1)))
        images.append({"name": f"{name} surface", "mimeType": "image/png", "bufferView": len(parts) - 1})
        surface |= {"metallicRoughnessTexture": {"index": len(images) - 1}, "roughnessFactor": 1.0}
        material["occlusionTexture"] = {"index": len(images) - 1}
    if textures.normal is not None:
        parts.append(_png(textures.normal))
        images.append({"name": f"{name} normals", "mimeType": "image/png", "bufferView": len(parts) - 1})
        material["normalTexture"] = {"index": len(images) - 1}
        # No chart is mirrored: the fourth number is 1 throughout.
        frames = np.column_stack([tangents(mesh, normals), np.ones(count, np.float32)])
        parts.append(frames.astype("<f4").tobytes())
        attributes["TANGENT"] = len(accessors)
        accessors.append(_accessor(len(parts) - 1, FLOAT, count, "VEC4"))
    views, binary = _packed(parts)
    for accessor, target in zip(accessors, [VERTEX_BUFFER] * 3 + [INDEX_BUFFER, VERTEX_BUFFER], strict=False):
        views[accessor["bufferView"]]["target"] = target
    document = {
        "asset": {"version": "2.0", "generator": f"Maquette {__version__}"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": name, "mesh": 0, "extras": extras}],
        "meshes": [
            {
                "name": name,
                "primitives": [{"attributes": attributes, "indices": 3, "material": 0}],
            }
        ],
        "materials": [material],
        "textures": [{"sampler": 0, "source": source} for source in range(len(images))],
        "samplers": [{"magFilter": LINEAR, "minFilter": LINEAR_MIPMAP, "wrapS": CLAMP, "wrapT": CLAMP}],
        "images": images,
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<II", len(text), JSON_CHUNK) + text + struct.pack("<II", len(binary), BINARY_CHUNK) + binary
    return struct.pack("<III", MAGIC, 2, 12 + len(body)) + body


def _png(picture: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "PNG", compress_level=1)
    return content.getvalue()


def _packed(parts: list[bytes]) -> tuple[list[dict[str, int]], bytes]:
    """Buffer views and the buffer, each part on a four-byte boundary."""
    views, binary = [], bytearray()
    for part in parts:
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(part)})
        binary += part + b"\0" * (-len(part) % 4)
    return views, bytes(binary)


def _accessor(view: int, component: int, count: int, kind: str) -> dict[str, Any]:
    return {"bufferView": view, "componentType": component, "count": count, "type": kind}
