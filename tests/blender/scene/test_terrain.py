# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import terrain  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]


def test_a_surface_is_taken_as_it_is_shown():
    bpy.ops.mesh.primitive_plane_add(size=2, location=(5, 0, 1))
    plane = bpy.context.object
    plane.scale = (2, 2, 1)
    plane.modifiers.new("Fine", "SUBSURF").subdivision_type = "SIMPLE"
    found = terrain.triangles(bpy.context.scene, plane.name)
    assert found.shape == (8, 3, 3)
    np.testing.assert_allclose(found.reshape(-1, 3).min(axis=0), [3, -2, 1], atol=1e-6)
    np.testing.assert_allclose(found.reshape(-1, 3).max(axis=0), [7, 2, 1], atol=1e-6)
    normal = np.cross(found[:, 1] - found[:, 0], found[:, 2] - found[:, 0])
    assert (normal[:, 2] > 0).all()


def test_a_curve_is_its_line_however_thick_it_is():
    bpy.ops.curve.primitive_bezier_circle_add(radius=2, location=(0, 0, 3))
    ring = bpy.context.object
    ring.data.bevel_depth = 0.3
    curves = len(bpy.data.curves)
    found = terrain.path(bpy.context.scene, ring.name)
    np.testing.assert_allclose(np.linalg.norm(found[:, :2], axis=1), 2, atol=0.01)
    assert found[0] == pytest.approx(found[-1]) and (found[:, 2] == 3).all()
    assert len(bpy.data.curves) == curves and ring.data.bevel_depth == pytest.approx(0.3)


def test_edges_of_a_mesh_are_a_path():
    line = bpy.data.meshes.new("Line")
    line.from_pydata([(0, 0, 0), (2, 0, 0), (1, 0, 0)], [(0, 2), (2, 1)], [])
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Line", line))
    found = terrain.path(bpy.context.scene, "Line")
    assert sorted(found[:, 0]) == [0, 1, 2] and found[1, 0] == 1


def test_what_is_not_there_is_none():
    scene = bpy.context.scene
    scene.collection.objects.link(bpy.data.objects.new("Empty", None))
    assert terrain.triangles(scene, "Nothing") is None and terrain.triangles(scene, "Empty") is None
    assert terrain.path(scene, "Nothing") is None and terrain.path(scene, "Empty") is None
    assert terrain.camera(scene) is None
