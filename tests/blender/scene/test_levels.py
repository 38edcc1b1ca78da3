# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.protocol import MeshReady  # noqa: E402
from blender_addon.scene import avatar, levels, tags  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]


@pytest.fixture
def shape(quad) -> MeshReady:
    """Two triangles, and two coarser levels of one and of one other."""
    vertices, faces, uv = quad
    coarser = np.array([faces[1], faces[0]], np.int32)
    return MeshReady("a", vertices, faces, uv, coarser, np.array([1, 1], np.int32))


def test_coarser_levels_wait_hidden_beside_the_avatar_with_its_texture(shape):
    avatar.show(bpy.context.scene, "a", "Ada", shape)
    found = tags.find_object("a")
    made = sorted((each for each in bpy.data.objects if levels.OF in each), key=lambda each: each.name)
    assert [each.name for each in made] == ["Ada LOD1", "Ada LOD2"]
    (collection,) = {each.users_collection[0] for each in made}
    assert collection.hide_viewport and collection.hide_render
    assert collection.name in [each.name for each in found.users_collection[0].children]
    for each, corner in zip(made, (3, 0), strict=True):
        assert len(each.data.polygons) == 1 and len(each.data.vertices) == 3 and each.parent == found
        assert list(each.data.materials) == [found.active_material]
        uv = np.array([each.data.uv_layers[0].uv[n].vector[:] for n in range(3)])
        np.testing.assert_allclose(uv, shape.uv[corner : corner + 3])


def test_they_are_made_once_and_are_no_avatars(shape):
    for _ in range(2):
        avatar.show(bpy.context.scene, "a", "Ada", shape)
    assert sum(levels.OF in each for each in bpy.data.objects) == 2
    assert [each.name for each in bpy.data.objects if tags.JOB in each] == ["Ada"]
    bpy.data.objects.remove(tags.find_object("a"))
    avatar.show(bpy.context.scene, "a", "Ada", shape)  # what the user kept of it stays
    assert sum(levels.OF in each for each in bpy.data.objects) == 2


def test_an_avatar_without_levels_has_no_collection_for_them(quad):
    avatar.show(bpy.context.scene, "a", "Ada", MeshReady("a", *quad))
    assert not [each for each in bpy.data.collections if "levels" in each.name]
