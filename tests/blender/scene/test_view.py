# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from mathutils import Vector  # noqa: E402

from blender_addon.scene import axes, mesh, view  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]


def test_a_solid_view_draws_textures_afterwards_and_a_rendered_one_stays():
    space = next(view.views())
    space.shading.type, space.shading.color_type = "SOLID", "MATERIAL"
    view.show_textures(space)
    assert space.shading.color_type == "TEXTURE"
    space.shading.type = "MATERIAL"
    view.show_textures(space)
    assert space.shading.type == "MATERIAL"


def test_the_view_turns_to_the_face(quad):
    space = next(view.views())
    avatar = mesh.new_object(bpy.context.scene, "one", "Avatar", *quad)
    avatar.location = (1, 2, 3)
    bpy.context.view_layer.update()
    view.frame(space, avatar)
    looking = space.region_3d.view_rotation @ Vector((0, 0, -1))
    np.testing.assert_allclose(looking, (0, 1, 0), atol=1e-5)  # towards +Y, where the back of the head is
    centre = axes.points_to_blender(np.array([[0.0, -0.05, 0.0]]))[0]
    np.testing.assert_allclose(space.region_3d.view_location - Vector((1, 2, 3)), centre, atol=1e-5)
