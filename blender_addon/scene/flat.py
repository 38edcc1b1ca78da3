# SPDX-License-Identifier: GPL-3.0-or-later
"""A glTF file as Blender reads it, in flat light: what its base colour looks like from given cameras, nothing else.

`run_file(job)` runs in a Blender without a window, or the bpy module; backend/evaluation/flat.py starts it.
"""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from . import axes

SAMPLES = 16
"""Rays for each pixel, spread over it evenly."""


def run_file(job: dict[str, Any]) -> None:
    """Writes view_0.png, view_1.png ... (RGBA, straight alpha) for a file that was exported in the box's frame.

    `job` holds `glb` and `out` (paths), `poses` (OpenCV, [K, 4, 4], box units), `field_of_view` (radians), `size`.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=job["glb"])
    scene = bpy.context.scene
    for each in [each for each in scene.objects if each.type == "MESH"]:
        # The exporter keeps the box's origin; ours stands on its floor.
        each.matrix_world = Matrix.Translation((0, 0, -axes.FLOOR * axes.METRES_PER_UNIT)) @ each.matrix_world
        for slot in each.material_slots:
            _shine(slot.material)
    _settle(scene, job["size"])
    lens = bpy.data.cameras.new("View")
    lens.sensor_fit = "VERTICAL"
    lens.angle = job["field_of_view"]
    lens.clip_start = 0.01
    camera = bpy.data.objects.new("View", lens)
    scene.collection.objects.link(camera)
    scene.camera = camera
    for number, pose in enumerate(job["poses"]):
        camera.matrix_world = Matrix(axes.camera_to_blender(np.array(pose)).tolist())
        scene.render.filepath = str(Path(job["out"]) / f"view_{number}.png")
        bpy.ops.render.render(write_still=True, scene=scene.name)


def _shine(material: bpy.types.Material) -> None:
    """The base colour as light of its own, its image and colour space as the importer has set them."""
    tree = material.node_tree
    shader = next(each for each in tree.nodes if each.bl_idname == "ShaderNodeBsdfPrincipled")
    output = next(each for each in tree.nodes if each.bl_idname == "ShaderNodeOutputMaterial")
    colour = shader.inputs["Base Color"].links[0].from_socket
    light = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(colour, light.inputs["Color"])
    tree.links.new(light.outputs["Emission"], output.inputs["Surface"])


def _settle(scene: bpy.types.Scene, size: int) -> None:
    """Nothing between light and picture: no other light, no look, no reconstruction wider than a pixel."""
    scene.world = None
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 0
    scene.cycles.pixel_filter_type = "BOX"
    scene.cycles.filter_width = 1.0
    scene.render.film_transparent = True
    scene.render.dither_intensity = 0.0
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.look = "None"
    scene.view_settings.exposure, scene.view_settings.gamma = 0.0, 1.0
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.color_depth = "16"
