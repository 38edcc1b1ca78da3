# SPDX-License-Identifier: GPL-3.0-or-later
import bpy
import numpy as np
import pytest

from blender_addon.scene import mesh, quads, tags


def ball(rings: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A closed ball of triangles in two charts, front and back, laid flat along its depth: vertices, faces, uv."""
    turns, heights = 2 * rings, np.linspace(-np.pi / 2, np.pi / 2, rings + 1)[1:-1]
    around = np.arange(turns) / turns * 2 * np.pi
    rows = [[[0, -0.6, 0]]]
    for height in heights:
        rows.append(0.6 * np.stack([np.cos(height) * np.sin(around), np.full(turns, np.sin(height)),
                                    np.cos(height) * np.cos(around)], 1))  # fmt: skip
    points = np.concatenate([*rows, [[0, 0.6, 0]]]).astype(np.float32)
    faces = []
    for at in range(turns):
        after = (at + 1) % turns
        faces.append((0, 1 + after, 1 + at))
        for row in range(rings - 2):
            low, high = 1 + row * turns, 1 + (row + 1) * turns
            faces += [(low + at, low + after, high + after), (low + at, high + after, high + at)]
        top = 1 + (rings - 2) * turns
        faces.append((top + at, top + after, len(points) - 1))
    corners = points[np.array(faces)].reshape(-1, 3)
    behind = np.repeat(points[np.array(faces)].mean(1)[:, 2] < 0, 3)
    uv = 0.25 + 0.3 * corners[:, :2]
    uv[behind] += 0.5
    return corners, np.arange(len(corners), dtype=np.int32).reshape(-1, 3), uv.astype(np.float32)


@pytest.fixture
def head(empty: None) -> bpy.types.Object:
    made = mesh.new_object(bpy.context.scene, "job", "Head", *ball())
    made.data.materials.append(bpy.data.materials.new("Skin"))
    made[tags.RECIPE] = "{}"
    return made


def read(collection: bpy.types.bpy_prop_collection, name: str, width: int) -> np.ndarray:
    values = np.empty(len(collection) * width, np.float32)
    collection.foreach_get(name, values)
    return values.reshape(-1, width)


def test_quads_lie_on_the_head_and_show_its_texture(head: bpy.types.Object) -> None:
    before = read(head.data.vertices, "co", 3), read(head.data.uv_layers.active.uv, "vector", 2)
    made = quads.remesh(head, 500)
    assert made is not head and made.matrix_world == head.matrix_world
    sides = [len(each.vertices) for each in made.data.polygons]
    assert 250 < len(sides) < 1000 and np.mean(np.array(sides) == 4) > 0.98
    places = read(made.data.vertices, "co", 3)
    box = np.stack([places[:, 0], places[:, 2] / 1 - 0.2, -places[:, 1]], 1) / 0.2
    assert np.abs(np.linalg.norm(box, axis=1) - 0.6).max() < 0.02
    uv = read(made.data.uv_layers.active.uv, "vector", 2)
    corner = np.array([each.vertex_index for each in made.data.loops])
    behind = np.repeat([np.mean([box[v, 2] for v in each.vertices]) < 0 for each in made.data.polygons], sides)
    told = (uv - 0.25 - 0.5 * behind[:, None]) / 0.3
    clear = np.abs(box[corner, 2]) > 0.1
    assert np.abs(told - box[corner, :2])[clear].max() < 0.02, "away from the seam the texture does not move"
    assert np.abs(told - box[corner, :2]).max() < 0.2, "at the seam no face shows the other chart"
    assert [each.name for each in made.data.materials] == ["Skin"]
    after = read(head.data.vertices, "co", 3), read(head.data.uv_layers.active.uv, "vector", 2)
    assert all(np.array_equal(one, two) for one, two in zip(before, after, strict=True)), "the head stays as it was"


def test_the_copy_is_no_job_of_its_own(head: bpy.types.Object) -> None:
    made = quads.remesh(head, 500)
    assert tags.find_object("job") == head and tags.RECIPE in made and tags.JOB not in made.data


def test_an_open_head_is_closed_first(head: bpy.types.Object) -> None:
    import bmesh

    edit = bmesh.new()
    edit.from_mesh(head.data)
    bmesh.ops.delete(edit, geom=[each for each in edit.faces if each.calc_center_median().z < 0.1], context="FACES")
    edit.to_mesh(head.data)
    edit.free()
    made = quads.remesh(head, 300)
    assert np.mean([len(each.vertices) == 4 for each in made.data.polygons]) > 0.95


def test_what_has_no_texture_coordinates_is_refused(head: bpy.types.Object) -> None:
    head.data.uv_layers.remove(head.data.uv_layers.active)
    with pytest.raises(quads.RemeshError, match="no texture coordinates"):
        quads.remesh(head, 500)
    assert len(bpy.data.objects) == 1
