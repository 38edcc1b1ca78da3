# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads of the user's own, refined by a real backend whose runner paints them red and then green."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import image, tags  # noqa: E402
from tests.blender.fingerprints import of_head  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("connected")]


@pytest.fixture
def head(connected):
    """A ball with all that a head of a production has: UVs, two materials, groups, shape keys, a rig."""
    bpy.context.scene.maquette_refine.refiner = "diffuse-local"
    bpy.ops.mesh.primitive_uv_sphere_add(segments=12, ring_count=8)
    made = bpy.context.object
    made.name = "Hero"
    made.scale = (1, 1, 1.3)
    bpy.context.view_layer.update()
    for name, colour in (("Skin", (0.8, 0.5, 0.4, 1)), ("Eyes", (0, 0, 1, 1))):
        material = bpy.data.materials.new(name)
        material.use_nodes = True
        material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = colour
        made.data.materials.append(material)
    made.data.polygons[3].material_index = 1
    group = made.vertex_groups.new(name="Face")
    group.add([each.index for each in made.data.vertices if each.co.y < -0.3], 0.75, "REPLACE")
    made.shape_key_add(name="Basis")
    made.shape_key_add(name="Smile").data[0].co.x += 0.1
    armature = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.collection.objects.link(armature)
    made.modifiers.new("Armature", "ARMATURE").object = armature
    return made


def last(head):
    return head.material_slots[len(head.material_slots) - 1].material


def test_nothing_but_a_slot_and_an_image_is_new(head):
    bpy.context.scene.maquette_refine.assign = False
    before, images = of_head(head), set(bpy.data.images.keys())
    assert bpy.ops.maquette.refine(prompt="an old man") == {"FINISHED"}
    after = of_head(head)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"slot 2"}
    (made,) = set(bpy.data.images.keys()) - images
    texels = image.read_image(bpy.data.images[made])
    assert (texels == (0, 255, 0)).all() and made == "Hero refined"
    recipe = tags.recipe_of(bpy.data.images[made])
    assert recipe["kind"] == "refine" and recipe["options"]["prompt"] == "an old man"
    textures = [node for node in last(head).node_tree.nodes if node.bl_idname == "ShaderNodeTexImage"]
    assert [node.image.name for node in textures] == [made]
    assert [node.uv_map for node in last(head).node_tree.nodes if node.bl_idname == "ShaderNodeUVMap"] == ["UVMap"]


def test_shown_it_changes_the_assignment_and_nothing_else(head):
    before = of_head(head)
    assert bpy.ops.maquette.refine() == {"FINISHED"}
    after = of_head(head)
    assert {name for name in before if after[name] != before[name]} == {"assignment"}
    assert {each.material_index for each in head.data.polygons} == {2}


def test_only_the_faces_of_a_group_show_it(head):
    assert bpy.ops.maquette.refine(group="Face") == {"FINISHED"}
    shown = {each.index for each in head.data.polygons if each.material_index == 2}
    inside = {
        each.index for each in head.data.polygons if any(head.data.vertices[vertex].groups for vertex in each.vertices)
    }
    assert shown == inside and len(inside) < len(head.data.polygons)


def test_a_new_layer_leaves_those_that_are_there(head):
    bpy.context.scene.maquette_refine.assign = False
    before = of_head(head)
    assert bpy.ops.maquette.refine(layout="new") == {"FINISHED"}
    after = of_head(head)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"slot 2", "uv Maquette"}
    assert head.data.uv_layers.active.name == "UVMap"
    values = np.empty(2 * len(head.data.loops), np.float32)
    head.data.uv_layers["Maquette"].data.foreach_get("uv", values)
    places = values.reshape(-1, 2)
    heights = np.array([head.data.vertices[each.vertex_index].co.z for each in head.data.loops])
    assert np.allclose(places[:, 1], (heights + 1) / 2, atol=1e-4), "the runner's front view, at each corner"


def test_a_head_without_coordinates_gets_some(head):
    while head.data.uv_layers:
        head.data.uv_layers.remove(head.data.uv_layers[0])
    assert bpy.ops.maquette.refine() == {"FINISHED"}
    assert head.data.uv_layers.keys() == ["Maquette"]


def test_what_cannot_be_refined_is_said_at_once(head):
    with pytest.raises(RuntimeError, match="There is no vertex group 'Nose'"):
        bpy.ops.maquette.refine(group="Nose")
    with pytest.raises(RuntimeError, match="Choose a portrait first"):
        bpy.ops.maquette.refine(refiner="reproject")
    with pytest.raises(RuntimeError, match="There is no image file"):
        bpy.ops.maquette.refine(portrait="/nowhere.jpg")
    bpy.context.view_layer.objects.active = bpy.data.objects["Rig"]
    assert bpy.ops.maquette.refine.poll() is False
    bpy.ops.mesh.primitive_plane_add()
    bpy.context.object.data.clear_geometry()
    with pytest.raises(RuntimeError, match="has no faces"):
        bpy.ops.maquette.refine()


def test_a_mesh_that_changed_meanwhile_is_left_alone(head, connected):
    from blender_addon.scene.dress import GoneError

    assert bpy.ops.maquette.refine() == {"FINISHED"}
    work = next(iter(connected.avatars.values()))
    assert work.stands and tags.find_head(work.job.job_id) == head
    bpy.data.images.remove(tags.find_image(work.job.job_id))
    assert not work.stands
    head.data.polygons[0].select = True
    mesh = bpy.data.meshes.new("Other")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    head.shape_key_clear()
    head.data = mesh
    with pytest.raises(GoneError, match="was changed while"):
        work.show()
    bpy.data.objects.remove(head)
    with pytest.raises(GoneError, match="no longer in this file"):
        work.show()


def test_what_was_undone_is_brought_back_onto_the_head(head, connected):
    assert bpy.ops.maquette.refine() == {"FINISHED"}
    work = next(iter(connected.avatars.values()))
    bpy.data.images.remove(tags.find_image(work.job.job_id))
    bpy.data.materials.remove(last(head))
    head.data.materials.pop()
    assert bpy.ops.maquette.fetch(job=work.job.job_id) == {"FINISHED"}
    assert work.stands and len(head.material_slots) == 3
    bpy.data.images.remove(tags.find_image(work.job.job_id))
    bpy.data.objects.remove(head)
    with pytest.raises(RuntimeError, match="no longer in this file"):
        bpy.ops.maquette.fetch(job=work.job.job_id)
