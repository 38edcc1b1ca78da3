# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import axes, camera, image, material, mesh, stage  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]


def test_a_camera_in_front_sees_the_whole_bust_upright():
    scene = bpy.context.scene
    avatar = bpy.data.objects.new("Avatar", None)
    scene.collection.objects.link(avatar)
    avatar.location = (3, 0, 1)
    bpy.context.view_layer.update()
    made = camera.new_camera(scene, avatar)
    bpy.context.view_layer.update()
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    def seen(box: tuple[float, float, float]) -> Vector:
        point = Vector(axes.points_to_blender(np.array([box], dtype=float))[0])
        return world_to_camera_view(scene, made, avatar.matrix_world @ point)

    scene.render.resolution_x = scene.render.resolution_y = 100
    crown, base, left = seen((0, 0.87, 0)), seen((0, -1, 0)), seen((0.5, 0, 0))
    assert 0.5 < crown.y < 1 and 0 < base.y < 0.1 and crown.z > 0
    assert left.x > 0.5  # +X is on the right of the picture: the avatar's left


def test_a_rendered_face_shows_its_texture_the_right_way_up(tmp_path):
    """A textured square stands where the face would be; its four quarters come out where they were painted."""
    scene = bpy.context.scene
    vertices = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=np.float32)
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
    avatar = mesh.new_object(scene, "one", "Avatar", vertices, np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32), uv)
    texels = np.zeros((16, 16, 3), dtype=np.uint8)
    texels[:8, :8] = (255, 0, 0)
    texels[:8, 8:] = (0, 255, 0)
    texels[8:, :8] = (0, 0, 255)
    albedo = image.new_image("one", "albedo", 16)
    image.show_file(albedo, image.packed(texels, level=0))
    avatar.data.materials.append(material.new_material("one", "Avatar", albedo))
    stage.set_stage(scene, avatar, elevation=0)
    stage.render(scene, tmp_path / "view.png", side=32, samples=4)
    view = image.read_image(bpy.data.images.load(str(tmp_path / "view.png")))
    quarters = {"red": view[10, 10], "green": view[10, 22], "blue": view[22, 10], "black": view[22, 22]}
    assert quarters["red"].argmax() == 0 and quarters["green"].argmax() == 1 and quarters["blue"].argmax() == 2
    assert min(quarters[name].max() for name in ("red", "green", "blue")) > 3 * quarters["black"].max()
