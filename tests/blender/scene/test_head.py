# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import axes, image  # noqa: E402
from blender_addon.scene.head import Choice, HeadError, read  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]


@pytest.fixture
def cube(empty):
    bpy.ops.mesh.primitive_cube_add(size=2)
    return bpy.context.object


def picture(name: str, colour: tuple[int, int, int], side: int = 4):
    made = bpy.data.images.new(name, side, side, alpha=False)
    made.pixels.foreach_set(axes.pixels_to_blender(np.full((side, side, 3), colour, np.uint8)))
    return made


def painted(name: str, shown) -> "bpy.types.Material":
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    node = made.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = shown
    made.node_tree.links.new(node.outputs["Color"], made.node_tree.nodes["Principled BSDF"].inputs["Base Color"])
    return made


def colour_at(head, face: int) -> list[int]:
    """Of the picture in the middle of a triangle."""
    places = (head.uv if head.image_uv is None else head.image_uv)[head.faces[face]].mean(axis=0)
    height, width = head.image.shape[:2]
    return head.image[min(int((1 - places[1]) * height), height - 1), min(int(places[0] * width), width - 1)].tolist()


def test_a_mesh_comes_in_the_backends_axes_with_its_polygons(cube):
    cube.scale, cube.location = (1, 2, 3), (5, 5, 5)
    bpy.context.view_layer.update()
    head = read(cube)
    assert head.faces.shape == (12, 3) and head.polygons.tolist() == sorted([*range(6), *range(6)])
    assert np.ptp(head.vertices, axis=0).tolist() == [2, 6, 4], "up is Y, depth is Z"
    assert head.image is None and head.uv is not None
    corners = head.vertices[head.faces].astype(float)
    middles = corners.mean(axis=1)
    assert (np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) * middles).sum(1).min() > 0


def test_a_mirrored_object_is_not_inside_out(cube):
    cube.scale = (-1, 1, 1)
    bpy.context.view_layer.update()
    head = read(cube)
    corners = head.vertices[head.faces].astype(float)
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) * corners.mean(axis=1)
    assert outward.sum(1).min() > 0
    loops = np.array([each.vertex_index for each in cube.data.loops])[head.corners]
    assert np.allclose(head.vertices[head.faces][..., 1], np.array([v.co.z for v in cube.data.vertices])[loops])


def test_one_picture_comes_as_it_is_and_several_as_one(cube):
    cube.data.materials.append(painted("Red", picture("red", (200, 20, 20))))
    head = read(cube)
    assert head.image.shape == (4, 4, 3) and head.image_uv is None and colour_at(head, 0) == [200, 20, 20]
    cube.data.materials.append(painted("Green", picture("green", (20, 200, 20), 8)))
    plain = bpy.data.materials.new("Plain")
    plain.use_nodes = True
    plain.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0, 0, 1, 1)
    cube.data.materials.append(plain)
    cube.data.polygons[1].material_index, cube.data.polygons[2].material_index = 1, 2
    head = read(cube)
    shown = {int(polygon): colour_at(head, face) for face, polygon in enumerate(head.polygons)}
    assert shown[0] == [200, 20, 20] and shown[1] == [20, 200, 20] and shown[2] == [0, 0, 255]
    assert np.array_equal(head.uv[head.faces], read(cube).uv[read(cube).faces]), "its own coordinates come along"


def test_a_picture_on_another_layer_is_looked_up_there(cube):
    cube.data.uv_layers.new(name="Second")
    cube.data.uv_layers["Second"].data[0].uv = (0.1, 0.1)
    made = painted("Red", picture("red", (200, 20, 20)))
    node = made.node_tree.nodes.new("ShaderNodeUVMap")
    node.uv_map = "Second"
    made.node_tree.links.new(node.outputs[0], made.node_tree.nodes["Image Texture"].inputs["Vector"])
    cube.data.materials.append(made)
    head = read(cube)
    second = np.array([each.uv[:] for each in cube.data.uv_layers["Second"].data], np.float32)
    assert np.array_equal(head.image_uv[head.faces], second[head.corners])


def test_painted_vertices_become_a_picture(cube):
    colours = cube.data.color_attributes.new("Col", "BYTE_COLOR", "POINT")
    values = np.ones((8, 4), np.float32)
    values[:, :3] = np.random.default_rng(0).uniform(0.3, 0.6, (8, 3))
    colours.data.foreach_set("color_srgb", values.reshape(-1))
    head = read(cube)
    vertices = np.array([each.vertex_index for each in cube.data.loops])[head.corners]
    expected = 255 * values[vertices[0], :3].mean(axis=0)
    assert np.abs(np.array(colour_at(head, 0)) - expected).max() < 40
    places = head.image_uv[head.faces[5, 1]] * len(head.image)
    found = head.image[len(head.image) - 1 - int(places[1]), int(places[0])]
    assert np.abs(found - 255 * values[vertices[5, 1], :3]).max() < 2


def test_groups_masks_and_materials_limit_what_may_change(cube):
    group = cube.vertex_groups.new(name="Top")
    group.add([each.index for each in cube.data.vertices if each.co.z > 0], 0.5, "REPLACE")
    head = read(cube, Choice(group="Top"))
    assert set(head.weight[head.vertices[:, 1] > 0]) == {0.5} and set(head.weight[head.vertices[:, 1] < 0]) == {0.0}
    head = read(cube, Choice(mask=picture("mask", (0, 90, 0)).name))
    assert head.mask.shape == (4, 4) and (head.mask == 90).all()
    for name in "AB":
        cube.data.materials.append(bpy.data.materials.new(name))
    cube.data.polygons[4].material_index = cube.active_material_index = 1
    head = read(cube, Choice(slot_only=True))
    inside = head.weight[head.faces].min(axis=1) > 0
    assert set(head.polygons[inside]) == {4} and set(head.polygons[head.weight[head.faces].any(axis=1)]) == {4}


def test_shape_keys_show_and_modifiers_that_add_vertices_are_told(cube):
    cube.shape_key_add(name="Basis")
    moved = cube.shape_key_add(name="Tall")
    for each in moved.data:
        each.co.z *= 2
    moved.value = 1
    bpy.context.view_layer.update()
    assert np.ptp(read(cube).vertices[:, 1]) == pytest.approx(4)
    cube.modifiers.new("Subdivision", "SUBSURF")
    head = read(cube)
    assert len(head.faces) == 12 and "its modifiers change the topology" in head.notes[0]


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        (Choice(layer="Missing"), "no UV layer 'Missing'"),
        (Choice(group="Missing"), "no vertex group 'Missing'"),
        (Choice(mask="Missing"), "no image 'Missing'"),
    ],
)
def test_what_is_not_there_is_said(cube, choice, sentence):
    with pytest.raises(HeadError, match=sentence):
        read(cube, choice)


def test_what_is_no_head_is_said(cube):
    with pytest.raises(HeadError, match="Select the mesh"):
        read(None)
    with pytest.raises(HeadError, match="Select the mesh"):
        read(bpy.data.objects.new("Light", bpy.data.lights.new("Light", "SUN")))
    cube.data.uv_layers.remove(cube.data.uv_layers[0])
    with pytest.raises(HeadError, match="needs a UV layer"):
        read(cube, Choice(mask=picture("mask", (1, 1, 1)).name))
    assert image.read_image(picture("grey", (7, 8, 9))).tolist()[0][0] == [7, 8, 9]
