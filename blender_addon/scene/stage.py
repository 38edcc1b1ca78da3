# SPDX-License-Identifier: GPL-3.0-or-later
"""A small photographer's studio around an avatar, for renders: three soft lights, a grey world, a camera.

`set_stage(scene, avatar)` builds it around an object that `bpy.ops.maquette.generate` left in the scene, and
`render(scene, "demo.png")` takes the picture with Cycles on the CPU, which works without a display.
"""

import math
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

from . import axes, camera

# Name, place in the box relative to the camera's target, size in metres, watts.
LIGHTS = (
    ("Key light", (-2.2, 1.8, 2.8), 0.5, 5.5),
    ("Fill light", (2.8, 0.4, 2.2), 0.8, 1.8),
    ("Rim light", (1.6, 2.2, -2.6), 0.4, 6.0),
)
WORLD_GREY = 0.22


def set_stage(scene: bpy.types.Scene, avatar: bpy.types.Object, azimuth: float = 0.0, elevation: float = 0.03) -> None:
    """Adds lights, a world and a camera around the avatar; nothing that is there already is changed or removed.

    The scene's world is replaced by a new one, the camera becomes the scene's active camera.
    """
    bpy.context.view_layer.update()  # a new object's matrix_world is stale until then
    place = avatar.matrix_world.translation
    target = Vector(axes.points_to_blender(camera.TARGET[None])[0])
    for name, offset, size, watts in LIGHTS:
        lamp = bpy.data.lights.new(name, "AREA")
        lamp.size = size
        lamp.energy = watts
        light = bpy.data.objects.new(name, lamp)
        where = Vector(axes.points_to_blender(camera.TARGET[None] + np.array([offset]))[0])
        light.location = place + where
        light.rotation_euler = (target - where).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(light)
    world = bpy.data.worlds.new("Portrait studio")
    world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.bl_idname == "ShaderNodeBackground")
    background.inputs["Color"].default_value = (WORLD_GREY, WORLD_GREY, WORLD_GREY, 1.0)
    scene.world = world
    camera.new_camera(scene, avatar, math.radians(azimuth), elevation)


def render(scene: bpy.types.Scene, path: str | Path, side: int = 512, samples: int = 24) -> None:
    """Renders the scene's camera to a square PNG with Cycles on the CPU, denoised."""
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x = scene.render.resolution_y = side
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True, scene=scene.name)
