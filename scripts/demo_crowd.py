#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""200 people, 24 of them distinct, on hills: makes the hills, writes the specification, populates, renders.

    python scripts/demo_crowd.py [--folder demo_crowd] [--count 200] [--distinct 24] [--preset standard]

Needs the bpy module in the environment. Finished people stay in the folder and are used again by the next run.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import bpy

ROOT = Path(__file__).resolve().parent.parent
SIDE, CELLS = 14.0, 96
"""Metres along an edge of the ground, and its squares."""
FOREGROUND = 7.0
"""Metres between the camera and the first who may stand there."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "demo_crowd", help="of scene, people and picture")
    parser.add_argument("--count", type=int, default=200, help="people on the hills (200)")
    parser.add_argument("--distinct", type=int, default=24, help="different ones among them (24)")
    parser.add_argument("--preset", default="draft", help="quality of each distinct person (draft)")
    parser.add_argument("--instances", default="auto", help="auto, objects or points")
    parser.add_argument("--no-picture", action="store_true", help="do not render")
    parser.add_argument("--render", action="store_true", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    folder = flags.folder.resolve()
    if flags.render:
        render(folder / "crowd.blend", folder / "crowd.png")
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    side = SIDE * max(1.0, math.sqrt(flags.count / 200))
    hills(folder / "hills.blend", side)
    spec = {
        "count": flags.count,
        "seeds": list(range(1, flags.distinct + 1)),
        "preset": flags.preset,
        "layout": {"kind": "surface", "object": "Hills", "max_slope": 30, "look_at": [0, -side]},
        "scene": "hills.blend",
        "spacing": 0.65,
        "variation": {"rotation": 25, "scale": 0.06},
        "instances": flags.instances,
        "seed": 6,
    }
    (folder / "crowd.json").write_text(json.dumps(spec, indent=2) + "\n")
    command = [sys.executable, "-m", "backend", "populate", folder / "crowd.json"]
    command += ["--out", folder / "crowd.blend", "--store", folder / "people", "--overwrite"]
    commands = [command]
    if not flags.no_picture:
        commands.append([sys.executable, __file__, "--folder", folder, "--render"])
    return next((status for each in commands if (status := subprocess.run(each, cwd=ROOT).returncode)), 0)


def hills(file: Path, side: float) -> None:
    """A scene with rolling ground, a sun, a sky and a camera."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    grass = bpy.data.materials.new("Grass")
    grass.diffuse_color = (0.12, 0.17, 0.07, 1)
    grass.use_nodes = True
    shader = next(node for node in grass.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    shader.inputs["Roughness"].default_value = 0.9
    patches, greens = (grass.node_tree.nodes.new(kind) for kind in ("ShaderNodeTexNoise", "ShaderNodeValToRGB"))
    patches.inputs["Scale"].default_value, patches.inputs["Detail"].default_value = 24, 8
    for end, colour in zip(greens.color_ramp.elements, ((0.05, 0.09, 0.03, 1), (0.17, 0.22, 0.09, 1)), strict=True):
        end.color = colour
    grass.node_tree.links.new(patches.outputs["Fac"], greens.inputs["Fac"])
    grass.node_tree.links.new(greens.outputs["Color"], shader.inputs["Base Color"])
    near, far = -side / 2, side / 2
    hills = _ground("Hills", (near, far), (near, far), near)
    # Nobody stands there: the picture has a foreground and a horizon by it.
    meadows = [
        _ground("Foreground", (2 * near, 2 * far), (near - FOREGROUND, near), near),
        _ground("Left", (3 * near, near), (near, far), near),
        _ground("Right", (far, 3 * far), (near, far), near),
    ]
    for each in (hills, *meadows):
        each.materials.append(grass)
    lamp = bpy.data.lights.new("Sun", "SUN")
    lamp.energy, lamp.angle = 3.5, 0.05
    sun = bpy.data.objects.new("Sun", lamp)
    sun.rotation_euler = (0.75, 0.25, -0.6)
    lens = bpy.data.cameras.new("Camera")
    lens.lens, lens.clip_end = 50, 1000
    camera = bpy.data.objects.new("Camera", lens)
    camera.location = (0, near - FOREGROUND + 0.5, 1.9)
    camera.rotation_euler = (math.radians(83.5), 0, 0)
    scene = bpy.context.scene
    for each in (*(bpy.data.objects.new(ground.name, ground) for ground in (hills, *meadows)), sun, camera):
        scene.collection.objects.link(each)
    scene.camera = camera
    world = bpy.data.worlds.new("Sky")
    world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.bl_idname == "ShaderNodeBackground")
    background.inputs["Color"].default_value = (0.45, 0.55, 0.7, 1)
    background.inputs["Strength"].default_value = 0.7
    scene.world = world
    bpy.ops.wm.save_as_mainfile(filepath=str(file), check_existing=False)


def _ground(name: str, across: tuple[float, float], along: tuple[float, float], foot: float) -> bpy.types.Mesh:
    """A piece of the one landscape: between these x and these y, rising from y = `foot` on."""
    import bpy

    x, y = np.meshgrid(np.linspace(*across, CELLS + 1), np.linspace(*along, CELLS + 1))
    slope = 0.16 * np.maximum(y - foot, 0)
    z = 0.35 * np.sin(x / 1.9 + 0.4) * np.cos(y / 2.3) + 0.1 * np.sin(x / 0.9 + y / 1.2) + slope
    corner = (np.arange(CELLS)[:, None] * (CELLS + 1) + np.arange(CELLS)).reshape(-1)
    squares = np.stack([corner, corner + 1, corner + CELLS + 2, corner + CELLS + 1], axis=1)
    ground = bpy.data.meshes.new(name)
    ground.from_pydata(np.stack([x, y, z], axis=-1).reshape(-1, 3).tolist(), [], squares.tolist())
    ground.shade_smooth()
    return ground


def render(blend: Path, picture: Path) -> None:
    """The scene through its camera, with Cycles on the processor."""
    import bpy

    bpy.ops.wm.open_mainfile(filepath=str(blend))
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples, scene.cycles.use_denoising = 16, True
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 960, 540, 100
    scene.render.filepath = str(picture)
    bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    sys.exit(main())
