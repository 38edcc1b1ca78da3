# SPDX-License-Identifier: GPL-3.0-or-later
"""A synthetic person as plain files: mesh with materials, record, and views in the form that NeRF tools read."""

import json
import math
from pathlib import Path

import numpy as np
from PIL import Image

from ..geometry.cameras import Camera, orbit
from .captions import describe
from .people import Part, Person
from .views import Scene, View, render_view

FIELD_OF_VIEW = 0.4538
"""Of `geometry.cameras.orbit`, radians."""
OPENCV_TO_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
DEPTH_UNITS = 8192
"""Steps of a 16-bit depth picture per box unit; 0 is the background."""


def write_person(person: Person, folder: Path, views: int = 24, size: int = 256) -> None:
    """Write `person.obj` with its material and textures, `person.json`, and `views` pictures around the head.

    Each view is `rgba` (albedo, coverage), `depth` (16 bit, distance along the ray times `DEPTH_UNITS`) and `normal`
    (world, 0..255 for -1..1); `transforms.json` has their cameras: OpenGL axes, +Y up, the usual NeRF form.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_mesh(person, folder)
    record = {**person.parameters.record(), "caption": describe(person.parameters)}
    (folder / "person.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    scene, frames = Scene(person.parts), []
    for k, camera in enumerate(_around(views)):
        names = {kind: f"{kind}_{k:03d}.png" for kind in ("rgba", "depth", "normal")}
        _write_view(render_view(scene, camera, size, samples=1), folder, names)
        frames.append({
            "file_path": names["rgba"], "depth_file_path": names["depth"], "normal_file_path": names["normal"],
            "transform_matrix": (camera.cam_to_world.double().numpy() @ OPENCV_TO_OPENGL).tolist(),
        })  # fmt: skip
    header = {
        "camera_angle_x": FIELD_OF_VIEW, "w": size, "h": size, "aabb": [[-1.0] * 3, [1.0] * 3],
        "depth_units": DEPTH_UNITS, "frames": frames,
    }  # fmt: skip
    (folder / "transforms.json").write_text(json.dumps(header, indent=1), encoding="utf-8")


def _around(count: int) -> list[Camera]:
    """Cameras evenly around, rising and sinking a little."""
    return [orbit(2 * math.pi * k / count, 0.05 + 0.3 * math.sin(2.4 * k), field_of_view=FIELD_OF_VIEW)
            for k in range(count)]  # fmt: skip


def _write_view(view: View, folder: Path, names: dict[str, str]) -> None:
    straight = view.rgb / np.maximum(view.alpha, 1e-3)[..., None]
    rgba = np.concatenate([straight, view.alpha[..., None]], -1).clip(0, 1)
    depth = np.where(np.isfinite(view.depth), view.depth, 0) * DEPTH_UNITS
    Image.fromarray((rgba * 255 + 0.5).astype(np.uint8)).save(folder / names["rgba"])
    Image.fromarray(depth.clip(0, 65535).astype(np.uint16)).save(folder / names["depth"])
    Image.fromarray(((view.normal * 0.5 + 0.5) * 255 + 0.5).astype(np.uint8)).save(folder / names["normal"])


def _write_mesh(person: Person, folder: Path) -> None:
    """Wavefront mesh and materials, one object and texture per part."""
    mesh, materials = ["mtllib person.mtl"], []
    vertex_count = uv_count = 1
    for part in person.parts:
        Image.fromarray(part.texture).save(folder / f"{part.name}.png")
        materials.append(f"newmtl {part.name}\nKd 1 1 1\nKs 0 0 0\nmap_Kd {part.name}.png\nmap_d {part.name}.png")
        mesh.append(f"o {part.name}\nusemtl {part.name}")
        mesh += _part_lines(part, vertex_count, uv_count)
        vertex_count += len(np.unique(part.triangles))
        uv_count += part.uv.shape[0] * 3
    (folder / "person.obj").write_text("\n".join(mesh) + "\n", encoding="utf-8")
    (folder / "person.mtl").write_text("\n".join(materials) + "\n", encoding="utf-8")


def _part_lines(part: Part, first_vertex: int, first_uv: int) -> list[str]:
    used, triangles = np.unique(part.triangles, return_inverse=True)
    triangles = triangles.reshape(-1, 3) + first_vertex
    corners = np.arange(len(triangles) * 3).reshape(-1, 3) + first_uv
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in part.vertices[used]]
    lines += [f"vt {u:.5f} {v:.5f}" for u, v in part.uv.reshape(-1, 2)]
    lines += [f"f {a}/{p} {b}/{q} {c}/{r}" for (a, b, c), (p, q, r) in zip(triangles, corners, strict=True)]
    return lines
