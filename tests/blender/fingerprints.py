# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes of all that a user's head is, part by part: what must be the same after its texture was refined."""

import hashlib

import bpy
import numpy as np


def of_head(head: bpy.types.Object) -> dict[str, str]:
    """Part -> hash of its content."""
    base = head.data
    parts: dict[str, list[bytes]] = {
        "vertices": [values(base.vertices, "co", 3)],
        "edges": [values(base.edges, "vertices", 2, np.int32)],
        "corners": [values(base.loops, "vertex_index", 1, np.int32)],
        "polygons": [values(base.polygons, name, 1, np.int32) for name in ("loop_start", "loop_total")],
        "smoothness": [values(base.polygons, "use_smooth", 1, bool)],
        "assignment": [values(base.polygons, "material_index", 1, np.int32)],
        "groups": [
            repr([(each.name, each.index) for each in head.vertex_groups]).encode(),
            repr([[(g.group, round(g.weight, 6)) for g in vertex.groups] for vertex in base.vertices]).encode(),
        ],
        "rig": [repr([(each.name, each.type) for each in head.modifiers]).encode(), repr(head.parent).encode()],
        "properties": [repr(sorted(head.keys())).encode(), repr(sorted(base.keys())).encode()],
        "place": [np.array(head.matrix_world).tobytes()],
    }
    for each in base.uv_layers:
        flags = repr((each.active, each.active_render)).encode()
        parts[f"uv {each.name}"] = [values(each.data, "uv", 2), flags]
    if base.shape_keys is not None:
        for key in base.shape_keys.key_blocks:
            parts[f"shape {key.name}"] = [values(key.data, "co", 3), repr(key.value).encode()]
    for number, slot in enumerate(head.material_slots):
        parts[f"slot {number}"] = [nodes(slot.material)]
    return {name: hashlib.sha256(b"".join(content)).hexdigest() for name, content in parts.items()}


def nodes(material: bpy.types.Material | None) -> bytes:
    """A material's tree: its nodes, their values, pictures and links."""
    if material is None:
        return b""
    told = [material.name, tuple(material.diffuse_color)]
    if material.use_nodes:
        for node in material.node_tree.nodes:
            plain = [(each.name, str(getattr(each, "default_value", ""))) for each in node.inputs]
            told.append((node.name, node.bl_idname, plain, str(getattr(node, "image", None))))
        told += [
            (link.from_node.name, link.from_socket.name, link.to_node.name, link.to_socket.name)
            for link in material.node_tree.links
        ]
    return repr(told).encode()


def values(collection, name: str, width: int, kind: type = np.float32) -> bytes:
    found = np.empty(width * len(collection), dtype=kind)
    collection.foreach_get(name, found)
    return found.tobytes()
