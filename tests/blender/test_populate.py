# SPDX-License-Identifier: GPL-3.0-or-later
"""The Crowd panel's operator against a real backend process, without a window and ticked as by the timer."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import crowd_panel, crowd_properties, crowd_run, launcher, session  # noqa: E402
from blender_addon.crowd.rules import SpecError  # noqa: E402
from tests.integration.tiny_runner import SLOW, UNFIT  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("addon")]

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "backend", "serve", "--runner", "tests.integration.tiny_runner:TinyRunner"]


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("store")
    running = launcher.start(COMMAND, folder, device="cpu", folder=ROOT)
    running.wait(60)
    yield folder
    running.stop()


@pytest.fixture
def settings(backend: Path, addon: None, monkeypatch: pytest.MonkeyPatch) -> "bpy.types.PropertyGroup":
    monkeypatch.setenv("MAQUETTE_STATE", str(backend))
    found = bpy.context.scene.maquette_crowd
    found.count, found.distinct, found.first_seed = 9, 3, 10
    return found


def test_the_operator_waits_and_leaves_a_crowd(settings, capfd):
    bpy.context.scene.cursor.location = (5, 0, 1)
    assert bpy.ops.maquette.populate() == {"FINISHED"}
    objects = bpy.data.collections["Crowd"].objects
    assert len(objects) == 9 and len(bpy.data.images) == 9  # three of each person
    assert sum(each.location.x for each in objects) / 9 == pytest.approx(5)
    assert all(each.location.z == pytest.approx(1) for each in objects)
    assert "person 2 of 3: sampling" in capfd.readouterr().out
    # The people are in the store: the next crowd of them takes no time.
    settings.layout = "circle"
    assert bpy.ops.maquette.populate() == {"FINISHED"}
    assert "sampling" not in capfd.readouterr().out
    assert crowd_run.current().crowd.collection == "Crowd.001"


def test_descriptions_take_turns(settings):
    settings.source, settings.sentences = "SENTENCES", " an old man;; a woman with red hair ;"
    assert crowd_properties.spec_from(bpy.context).sentences == ("an old man", "a woman with red hair", "an old man")
    settings.distinct = 1
    assert bpy.ops.maquette.populate() == {"FINISHED"}
    assert len(bpy.data.collections["Crowd"].objects) == 9
    settings.sentences = " ; "
    with pytest.raises(SpecError, match="Describe the people first"):
        crowd_properties.spec_from(bpy.context)


def test_a_specification_file_does_the_same(settings, tmp_path):
    file = tmp_path / "crowd.json"
    file.write_text(json.dumps({"count": 4, "seeds": [10], "layout": {"kind": "grid"}, "instances": "points"}))
    assert bpy.ops.maquette.populate(spec=str(file)) == {"FINISHED"}
    assert len(bpy.data.objects["Crowd"].data.vertices) == 4
    file.write_text('{"count": 4}')
    with pytest.raises(RuntimeError, match=r"Layout is missing\. Where people stand"):
        bpy.ops.maquette.populate(spec=str(file))


def test_the_selected_object_is_the_ground_or_the_path(settings):
    settings.layout, settings.count = "surface", 5
    with pytest.raises(RuntimeError, match=r"Choose or select a ground\."):
        bpy.ops.maquette.populate()
    bpy.ops.mesh.primitive_plane_add(size=6, location=(0, 0, 2))
    assert bpy.ops.maquette.populate() == {"FINISHED"}
    assert {round(each.location.z, 3) for each in bpy.data.collections["Crowd"].objects} == {2.0}
    bpy.ops.curve.primitive_bezier_circle_add(radius=4)
    settings.layout = "curve"
    assert crowd_properties.spec_from(bpy.context).layout.object == bpy.context.object.name
    settings.layout = "points"
    assert crowd_properties.why_not(bpy.context) == "Choose or select a mesh"
    settings.target = bpy.data.objects["Plane"]
    spec = crowd_properties.spec_from(bpy.context)
    assert spec.total == 4 and spec.layout.points[0] == pytest.approx((-3, -3, 2))


def test_too_many_for_the_ground_are_refused_before_anyone_is_made(settings):
    bpy.ops.mesh.primitive_plane_add(size=2)
    settings.layout, settings.count, settings.first_seed = "surface", 500, 5000
    with pytest.raises(RuntimeError, match=r"has room for about [0-9]+ people"):
        bpy.ops.maquette.populate()
    assert crowd_run.current() is None or crowd_run.current().total != 500


def test_a_folder_of_photographs(settings, tmp_path):
    settings.source = "PORTRAITS"
    assert crowd_properties.why_not(bpy.context) == "Choose a folder of photographs"
    settings.folder = str(tmp_path)
    with pytest.raises(SpecError, match="There is no photograph in"):
        crowd_properties.spec_from(bpy.context)
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    (tmp_path / "a.txt").write_text("no photograph")
    assert crowd_properties.spec_from(bpy.context).portraits == (str(tmp_path / "b.jpg"),)
    settings.folder = str(tmp_path / "none")
    with pytest.raises(SpecError, match="cannot be read"):
        crowd_properties.spec_from(bpy.context)


def test_a_failure_names_the_person_and_the_next_crowd_works(settings):
    settings.first_seed, settings.distinct = UNFIT, 1
    with pytest.raises(RuntimeError, match=r"Seeds\[0\] could not be made: No face was found"):
        bpy.ops.maquette.populate()
    assert "Crowd" not in bpy.data.collections
    crowd_run.dismiss()
    assert crowd_run.current() is None
    settings.first_seed = 10
    assert bpy.ops.maquette.populate() == {"FINISHED"}


def test_many_thousands_are_points_with_a_level_for_the_viewport(settings):
    settings.count = 2000
    spec = crowd_properties.spec_from(bpy.context)
    assert spec.as_points and spec.lod.faces[spec.lod.viewport] == 250


def ticked(done: Callable[[crowd_run.Run], bool]) -> crowd_run.Run:
    """A crowd of the panel's settings, after as many ticks as it takes."""
    run = crowd_run.begin(bpy.context.scene, crowd_properties.spec_from(bpy.context), blocking=False)
    assert crowd_run.under_way()
    for _ in range(1000):
        if done(run):
            return run
        crowd_run._tick()
        time.sleep(0.02)
    raise AssertionError(f"not within 1000 ticks: {run.told}")


def test_a_timer_carries_it_and_cancel_keeps_who_is_done(settings):
    live = session.current()
    live.connect()
    live.wait_ready(20)
    settings.distinct, settings.first_seed = 2, 20
    made = ticked(lambda run: run.over)
    assert made.crowd.collection == "Crowd" and len(bpy.data.collections["Crowd"].objects) == 9
    assert crowd_run._tick() is None
    settings.first_seed = SLOW
    run = ticked(lambda run: run.told.stage == "sampling")
    assert not bpy.ops.maquette.populate.poll()
    assert bpy.ops.maquette.cancel_crowd() == {"FINISHED"}
    assert run.over and run.message.startswith("Cancelled") and crowd_run._tick() is None
    assert not bpy.ops.maquette.cancel_crowd.poll()


def test_a_file_loaded_while_people_are_placed_ends_it_in_a_sentence(settings):
    live = session.current()
    live.connect()
    live.wait_ready(20)
    settings.distinct, settings.first_seed = 2, 20
    run = crowd_run.begin(bpy.context.scene, crowd_properties.spec_from(bpy.context), blocking=False)
    for _ in range(1000):
        if run.told.stage.startswith("loading"):
            break
        run.step()
        time.sleep(0.005)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    while not run.over:
        run.step()
    assert run.message == "The crowd was undone while it was being placed." and run.crowd is None
    assert "Crowd" not in bpy.data.collections


def test_what_the_panel_names_exists():
    for each in crowd_panel.CLASSES:
        assert hasattr(bpy.types, each.__name__)
    names = bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items.keys()
    assert {each[3] for each in crowd_properties.LAYOUTS} <= set(names)
    assert {"COMMUNITY", "CANCEL", "INFO", "CHECKMARK", "ERROR", "X"} <= set(names)
