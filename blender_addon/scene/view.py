# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user's 3D views show of an avatar."""

from collections.abc import Iterator

import bpy
from mathutils import Quaternion, Vector

from . import axes, camera

FRONT = Quaternion((0.7071068, 0.7071068, 0.0, 0.0))
"""Blender's own front view: along +Y, Z up."""


def views() -> Iterator[bpy.types.SpaceView3D]:
    """The 3D views of all open windows."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                yield area.spaces.active


def show_textures(space: bpy.types.SpaceView3D) -> None:
    """Lets a view in Solid mode draw image textures; other modes are the user's choice and stay."""
    if space.shading.type == "SOLID":
        space.shading.color_type = "TEXTURE"


def frame(space: bpy.types.SpaceView3D, avatar: bpy.types.Object) -> None:
    """Turns the view to the avatar's face, close enough to fill it, with textures drawn."""
    if space.shading.type == "WIREFRAME":
        space.shading.type = "SOLID"
    show_textures(space)
    region = space.region_3d
    region.view_perspective = "PERSP"
    centre = Vector(axes.points_to_blender(camera.TARGET[None])[0])
    region.view_location = avatar.matrix_world @ centre
    region.view_rotation = avatar.matrix_world.to_quaternion() @ FRONT
    region.view_distance = 4.6 * axes.METRES_PER_UNIT * max(avatar.scale)


def redraw() -> None:
    """Asks for the sidebars of all 3D views to be drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
