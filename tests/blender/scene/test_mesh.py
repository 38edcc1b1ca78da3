# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import axes, layout, mesh, tags  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]


def read(block, name: str, width: int, dtype=np.float32) -> np.ndarray:
    values = np.empty(len(block) * width, dtype=dtype)
    block.foreach_get(name, values)
    return values.reshape(-1, width)


def test_vertices_faces_and_uvs_arrive_in_blender(quad):
    vertices, faces, uv = quad
    block = bpy.data.meshes.new("quad")
    mesh.write_mesh(block, vertices, faces, uv)
    assert (len(block.vertices), len(block.edges), len(block.polygons)) == (4, 5, 2)
    corners = read(block.loops, "vertex_index", 1, np.int32).reshape(-1)
    placed = read(block.vertices, "co", 3)[corners]
    np.testing.assert_allclose(axes.points_to_box(placed), vertices[faces.reshape(-1)], atol=1e-6)
    np.testing.assert_array_equal(read(block.uv_layers[mesh.UV_LAYER].uv, "vector", 2), uv[faces.reshape(-1)])
    assert block.validate(verbose=False) is False  # nothing had to be repaired


def test_the_front_faces_minus_y_and_shading_is_smooth_across_the_seam(quad):
    block = bpy.data.meshes.new("quad")
    mesh.write_mesh(block, *quad)
    normals = read(block.corner_normals, "vector", 3)
    np.testing.assert_allclose(normals, np.tile([[0, -1, 0]], (6, 1)), atol=1e-6)
    assert all(polygon.use_smooth for polygon in block.polygons)


def test_writing_again_replaces_the_geometry(quad):
    vertices, faces, uv = quad
    block = bpy.data.meshes.new("quad")
    mesh.write_mesh(block, vertices, faces, uv)
    mesh.write_mesh(block, vertices[:3], faces[:1], None)
    assert (len(block.vertices), len(block.polygons), len(block.uv_layers)) == (3, 1, 0)


def test_a_new_avatar_stands_beside_the_one_that_is_there(quad):
    scene = bpy.context.scene
    first = mesh.new_object(scene, "one", "Avatar", *quad)
    second = mesh.new_object(scene, "two", "Avatar", *quad)
    assert abs(second.location.x - first.location.x) >= layout.STEP - 1e-6
    mesh.select_only(scene, second)
    assert bpy.context.view_layer.objects.active == second
    assert not first.select_get() and second.select_get()


def test_an_avatar_is_found_by_its_job_whatever_its_name(quad):
    avatar = mesh.new_object(bpy.context.scene, "one", "Avatar", *quad)
    avatar.name = "Someone else"
    assert tags.find_object("one") == avatar
    assert tags.find_object("two") is None
    bpy.data.objects.remove(avatar)
    assert tags.find_object("one") is None
