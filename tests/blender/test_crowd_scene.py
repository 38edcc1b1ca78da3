# SPDX-License-Identifier: GPL-3.0-or-later
"""Crowds in real Blender data: shared meshes, instances on points, tints that renders show, one scene file."""

import json

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import crowd_scene  # noqa: E402
from blender_addon.crowd.gather import Told  # noqa: E402
from blender_addon.crowd.rules import SpecError  # noqa: E402
from blender_addon.crowd.spec import plain, spec_of  # noqa: E402
from blender_addon.crowd.store import Store, key_of  # noqa: E402
from blender_addon.protocol import Finished, JobRequest, MeshReady, TextureReady  # noqa: E402
from blender_addon.scene import crowd  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]

SIDES = np.array([[0, 1, 2], [0, 2, 3], [4, 6, 5], [4, 7, 6], [0, 4, 1], [1, 4, 5]], np.int32)
GREY = 128


def cube(request: JobRequest):
    """A maker: an open box with two coarser levels, as wide as people are, grey all over."""
    x, y, z = 0.5, -1.0, 0.5
    corners = [[-x, y, z], [x, y, z], [x, 1, z], [-x, 1, z], [-x, y, -z], [x, y, -z], [x, 1, -z], [-x, 1, -z]]
    vertices = np.array(corners, np.float32)
    uv = np.tile(np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32), (2, 1))
    budgets = request.options["levels"]
    levels = [SIDES[: {60: 4, 50: 2}.get(budget, 6)] for budget in budgets]
    sizes = np.array([len(each) for each in levels], np.int32)
    yield MeshReady(request.job_id, vertices, SIDES, uv, np.concatenate(levels), sizes)
    yield TextureReady(request.job_id, 0, np.full((8, 8, 3), GREY, np.uint8), True)
    yield Finished(request.job_id, {"seed": request.seed})


def spec(**others):
    found = {"count": 12, "seeds": [1, 2, 3], "layout": {"kind": "grid"}, "lod": {"faces": [60, 50]}}
    return spec_of(found | others)


def populated(asked, folder):
    steps = crowd_scene.populate(bpy.context.scene, asked, Store(folder), cube, {"options": ["levels"]})
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as done:
            assert all(isinstance(each, Told) for each in told)
            return done.value


def instances():
    """Object name, matrix [4, 4] of each instance in the view layer."""
    graph = bpy.context.evaluated_depsgraph_get()
    graph.update()
    return [(each.object.name, np.array(each.matrix_world)) for each in graph.object_instances if each.is_instance]


def test_objects_share_the_meshes_of_their_people(tmp_path):
    made = populated(spec(lod={"faces": [60, 50], "distances": [3.5]}), tmp_path)
    collection = bpy.data.collections[made.collection]
    assert len(collection.objects) == 12
    assert len(bpy.data.images) == len(bpy.data.materials) == 3
    rows = made.manifest["standing"]
    assert {row["level"] for row in rows} == {0, 1}
    for row in rows:
        each = bpy.data.objects[row["name"]]
        assert list(each.location) == pytest.approx(row["position"], abs=1e-4)
        assert np.degrees(each.rotation_euler.z) == pytest.approx(row["heading"], abs=0.01)
        assert each[crowd.PERSON] == row["person"]
        assert len(each.data.polygons) == [4, 2][row["level"]]
        assert each.data.materials[0].name.startswith(f"Person {row['person']:03d}")
    assert len({each.data.name for each in collection.objects}) <= 6
    assert all(image.packed_file is not None for image in bpy.data.images)
    assert spec_of(json.loads(collection[crowd_scene.RECIPE])) == spec(lod={"faces": [60, 50], "distances": [3.5]})


@pytest.mark.parametrize("kind", ["objects", "points"])
def test_people_wear_their_normals_and_roughness(tmp_path, kind):
    def fine(request: JobRequest):
        shape, texture, done = cube(request)
        grey = np.full((8, 8), GREY, np.uint8)
        yield shape
        yield TextureReady(request.job_id, 0, texture.albedo, True, texture.albedo, grey, grey // 2)
        yield done

    steps = crowd_scene.populate(
        bpy.context.scene, spec(instances=kind), Store(tmp_path), fine, {"options": ["levels"]}
    )
    list(steps)
    assert len(bpy.data.materials) == 3 and len(bpy.data.images) == 9
    for dress in bpy.data.materials:
        shader = next(node for node in dress.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
        for socket in ("Base Color", "Normal", "Roughness"):
            assert shader.inputs[socket].is_linked, socket
    for picture in bpy.data.images:
        assert picture.packed_file is not None and picture.users == 1
        assert picture.colorspace_settings.name == ("sRGB" if "albedo" in picture.name else "Non-Color")


def test_points_show_the_same_crowd(tmp_path):
    asked = {"instances": "points", "lod": {"faces": [60, 50], "distances": [3.5]}}
    made = populated(spec(**asked), tmp_path)
    shown = instances()
    assert len(shown) == 12
    by_place = {tuple(matrix[:3, 3].round(3)): (name, matrix) for name, matrix in shown}
    for row in made.manifest["standing"]:
        name, matrix = by_place[tuple(np.round(np.array(row["position"]) + 0.0, 3))]
        person, level = name.split()[-2:]
        assert (int(person), int(level)) == (row["person"], row["level"])
        assert np.linalg.norm(matrix[:3, 0]) == pytest.approx(row["scale"], abs=1e-4)
        assert np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])) == pytest.approx(row["heading"], abs=0.01)
    # The people themselves are not in the view.
    assert not [each for each in bpy.context.view_layer.objects if each.name.startswith("Crowd people")]


def test_the_viewport_may_have_a_level_of_its_own(tmp_path):
    populated(spec(instances="points", lod={"faces": [60, 50], "distances": [100], "viewport": 1}), tmp_path)
    assert {name.split()[-1] for name, _ in instances()} == {"1"}
    points = bpy.data.objects["Crowd"].data
    slots = np.empty(12, np.int32)
    points.attributes[crowd.SLOT].data.foreach_get("value", slots)
    assert set(slots) <= {0, 2, 4}  # the finest of each


def test_ten_thousand_are_one_object(tmp_path):
    made = populated(spec(count=10_000), tmp_path)
    assert len(bpy.data.collections[made.collection].objects) == 1
    assert len(instances()) == 10_000


@pytest.mark.parametrize("kind", ["objects", "points"])
def test_a_render_shows_the_tint_above_and_below_the_collar(tmp_path, kind):
    """One person without light but its own colour, seen straight from the front."""
    asked = spec(
        count=1, seeds=[4], instances=kind, variation={"scale": 0, "rotation": 0, "tint": 0.6, "clothes": 1.0}, seed=3
    )
    made = populated(asked, tmp_path)
    tree = bpy.data.materials[0].node_tree
    shader = next(each for each in tree.nodes if each.bl_idname == "ShaderNodeBsdfPrincipled")
    glow = tree.nodes.new("ShaderNodeEmission")
    tree.links.new(shader.inputs["Base Color"].links[0].from_socket, glow.inputs["Color"])
    output = next(each for each in tree.nodes if each.bl_idname == "ShaderNodeOutputMaterial")
    tree.links.new(glow.outputs[0], output.inputs["Surface"])
    scene = bpy.context.scene
    lens = bpy.data.cameras.new("Front")
    lens.type, lens.ortho_scale = "ORTHO", 0.4
    front = bpy.data.objects.new("Front", lens)
    front.location, front.rotation_euler = (0, -2, 0.2), (np.pi / 2, 0, 0)
    scene.collection.objects.link(front)
    scene.camera, scene.render.engine = front, "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", 1, False
    scene.render.resolution_x = scene.render.resolution_y = 32
    scene.view_settings.view_transform = "Raw"
    scene.render.image_settings.file_format, scene.render.image_settings.color_depth = "PNG", "16"
    scene.render.filepath = str(tmp_path / "front.png")
    bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(scene.render.filepath)
    picture.colorspace_settings.name = "Non-Color"
    pixels = np.array(picture.pixels).reshape(32, 32, 4)
    row = made.manifest["standing"][0]
    grey = ((GREY / 255 + 0.055) / 1.055) ** 2.4
    np.testing.assert_allclose(pixels[24, 16, :3], np.clip(grey * np.array(row["tint"]), 0, 1), atol=0.01)
    both = grey * np.array(row["tint"]) * np.array(row["clothes"])
    np.testing.assert_allclose(pixels[3, 16, :3], np.clip(both, 0, 1), atol=0.01)
    assert np.abs(pixels[24, 16, :3] - pixels[3, 16, :3]).max() > 0.02


def test_a_second_crowd_replaces_nothing(tmp_path):
    first, second = populated(spec(), tmp_path), populated(spec(count=3), tmp_path)
    assert first.collection == "Crowd" and second.collection == "Crowd.001"
    assert [len(bpy.data.collections[each.collection].objects) for each in (first, second)] == [12, 3]


def test_a_crowd_on_an_object_of_the_scene(tmp_path):
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=20, y_subdivisions=20, size=8)
    ground = bpy.context.object
    ground.name = "Ground"
    ground.rotation_euler.x = 0.2
    made = populated(spec(layout={"kind": "surface", "object": "Ground"}), tmp_path)
    places = np.array([row["position"] for row in made.manifest["standing"]])
    slope = places[:, 1] * np.tan(0.2)
    assert (places[:, 2] <= slope + 1e-3).all() and (slope - places[:, 2]).max() < 0.05
    assert all(each.rotation_euler.x == each.rotation_euler.y == 0 for each in bpy.data.collections["Crowd"].objects)


def test_nothing_is_made_for_a_crowd_that_does_not_fit(tmp_path):
    def never(request):
        raise AssertionError("nobody should be made")

    steps = crowd_scene.populate(
        bpy.context.scene, spec(layout={"kind": "surface", "object": "Ground"}), Store(tmp_path), never, {}
    )
    with pytest.raises(SpecError, match="there is no mesh 'Ground' in the scene"):
        next(steps)
    assert not bpy.data.collections


def test_a_file_is_written_with_its_manifest_and_opens_again(tmp_path, capfd):
    store = Store(tmp_path / "people")
    asked = spec(instances="points")
    keys = []
    for seed in asked.seeds:
        request = JobRequest("x", preset="draft", seed=seed, options={"levels": [60, 50]})
        shape, texture, _ = cube(request)
        keys.append(store.add(key_of(request), shape, texture, {"seed": seed}, (60, 50)).key)
    job = {
        "spec": plain(asked),
        "store": str(store.folder),
        "people": None,
        "out": str(tmp_path / "crowd.blend"),
        "manifest": str(tmp_path / "crowd.json"),
    }
    crowd_scene.run_file(json.dumps(job))
    assert f'{crowd_scene.RESULT}{{"count": 12}}' in capfd.readouterr().out and not (tmp_path / "crowd.blend").exists()
    crowd_scene.run_file(json.dumps(job | {"people": keys}))
    assert '"collection": "Crowd"' in capfd.readouterr().out
    told = json.loads((tmp_path / "crowd.json").read_text())
    assert [each["recipe"]["seed"] for each in told["people"]] == [1, 2, 3] and len(told["standing"]) == 12
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "crowd.blend"))
    assert len(instances()) == 12 and bpy.context.scene.camera is not None
    crowd_scene.run_file(json.dumps(job | {"spec": plain(asked) | {"scene": str(tmp_path / "none.blend")}}))
    assert "scene: there is no file" in capfd.readouterr().out
