# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on against a real backend process, without a window: operators wait, the avatar stands in the scene."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import preferences, session  # noqa: E402
from blender_addon.jobs import Phase  # noqa: E402
from blender_addon.protocol import MeshReady, TextureReady  # noqa: E402
from blender_addon.scene import image, tags  # noqa: E402
from tests.blender.backend import COMMAND, ROOT, pump_until, submit  # noqa: E402
from tests.integration.tiny_runner import BROKEN, DIES, PLAIN, SLOW, UNFIT  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("addon")]

unix = pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")


def test_generate_waits_and_leaves_a_finished_avatar(connected, capfd):
    assert bpy.ops.maquette.generate(seed=PLAIN, preset="draft") == {"FINISHED"}
    (avatar,) = bpy.context.scene.objects
    recipe = tags.recipe_of(avatar)
    assert recipe["seed"] == PLAIN
    albedo = tags.find_image(avatar[tags.JOB])
    assert image.read_image(albedo).shape == (16, 16, 3) and albedo.packed_file is not None
    assert image.read_image(albedo)[0, 0].tolist() == [100, 100, 100]
    assert tags.recipe_of(albedo) == recipe
    normal, surface = (tags.find_map(avatar[tags.JOB], kind) for kind in ("normal", "surface"))
    assert image.read_image(normal)[0, 0].tolist() == [128, 128, 255]
    assert image.read_image(surface)[0, 0].tolist() == [128, 64, 0]
    assert bpy.context.view_layer.objects.active == avatar and avatar.select_get()
    assert "sampling" in capfd.readouterr().out


def test_the_scenes_settings_and_a_portrait_are_used(connected, tmp_path):
    picture = bpy.data.images.new("photo", 8, 8)
    picture.filepath_raw, picture.file_format = str(tmp_path / "photo.png"), "PNG"
    picture.save()
    settings = bpy.context.scene.maquette
    settings.source, settings.portrait, settings.seed = "PORTRAIT", str(tmp_path / "photo.png"), PLAIN
    assert bpy.ops.maquette.generate() == {"FINISHED"}
    assert bpy.context.object.name == "Avatar photo"
    assert tags.recipe_of(bpy.context.object)["portrait"] is True


def test_a_missing_portrait_is_a_sentence(connected):
    with pytest.raises(RuntimeError, match="Choose a portrait photograph first"):
        bpy.ops.maquette.generate(preset="draft")
    with pytest.raises(RuntimeError, match="There is no image file at"):
        bpy.ops.maquette.generate(portrait="/no/such.jpg")


def test_a_generator_that_the_backend_does_not_have_is_a_sentence(connected):
    with pytest.raises(RuntimeError, match="This backend has no generator 'busts'"):
        bpy.ops.maquette.generate(seed=PLAIN, synthesizer="busts")
    bpy.context.scene.maquette.synthesizer = "heads"
    with pytest.raises(RuntimeError, match="This backend has no generator 'heads'"):
        bpy.ops.maquette.generate(seed=PLAIN)


@pytest.mark.parametrize(
    ("seed", "sentence"), [(UNFIT, "No face was found. Choose another portrait."), (DIES, "."), (BROKEN, ".")]
)
def test_a_failure_is_told_and_the_next_job_works(connected, seed, sentence):
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.maquette.generate(seed=seed)
    assert not bpy.context.scene.objects
    assert bpy.ops.maquette.generate(seed=PLAIN) == {"FINISHED"}


def test_cancel_stops_a_running_job(connected):
    work = submit(connected, SLOW, "slow")
    pump_until(connected, lambda: work.job.fraction > 0)
    assert bpy.ops.maquette.cancel() == {"FINISHED"}
    assert work.job.phase is Phase.CANCELLED
    assert bpy.ops.maquette.cancel.poll() is False
    bpy.ops.maquette.dismiss(job="slow")
    assert "slow" not in connected.avatars


def test_what_is_still_on_its_way_after_a_cancel_is_left_out(connected, quad):
    work = submit(connected, SLOW, "stopping")
    connected.cancel("stopping")
    connected.take(MeshReady("stopping", *quad))
    assert work.job.phase is Phase.CANCELLING and tags.find_object("stopping") is None
    pump_until(connected, lambda: work.job.phase is Phase.CANCELLED)


def test_an_avatar_deleted_under_way_comes_again_as_a_new_object(connected):
    work = submit(connected, PLAIN, "deleted")
    pump_until(connected, lambda: work.shape is not None)
    if (early := tags.find_object("deleted")) is not None:
        bpy.data.objects.remove(early)
    pump_until(connected, lambda: work.job.phase.over)
    assert tags.recipe_of(tags.find_object("deleted"))["seed"] == PLAIN


def test_undo_of_a_finished_avatar_is_respected_and_redo_brings_the_final_texture(connected):
    work = submit(connected, PLAIN, "undone")
    pump_until(connected, lambda: work.job.phase.over)
    avatar, albedo = tags.find_object("undone"), tags.find_image("undone")
    # What redo brings back is the scene as it was when the mesh came: no recipe, no texture.
    image.show_file(albedo, image.packed(np.zeros((4, 4, 3), dtype=np.uint8), level=-1))
    del avatar[tags.RECIPE], albedo[tags.RECIPE]
    connected.restore()
    assert image.read_image(albedo).shape == (16, 16, 3) and tags.recipe_of(avatar)["seed"] == PLAIN
    bpy.data.objects.remove(avatar)
    connected.restore()
    assert tags.find_object("undone") is None


def test_a_file_saved_under_way_finds_its_avatar_again(connected, tmp_path):
    work = submit(connected, PLAIN, "saved")
    pump_until(connected, lambda: work.shape is not None)
    avatar = tags.find_object("saved")
    avatar.location.x = 3
    if tags.RECIPE in avatar:
        del avatar[tags.RECIPE]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "under way.blend"))
    connected.avatars.clear()  # as in a new Blender
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "under way.blend"))
    again = connected.avatars["saved"]
    pump_until(connected, lambda: again.job.phase is Phase.DONE)
    assert len(bpy.data.objects) == 1
    assert tags.find_object("saved").location.x == 3
    assert tags.recipe_of(tags.find_object("saved"))["seed"] == PLAIN


def test_a_job_that_was_cancelled_is_not_asked_for_again(connected, quad):
    work = submit(connected, SLOW, "given_up")
    connected.take(MeshReady("given_up", *quad))
    bpy.ops.maquette.cancel(job="given_up")
    assert work.job.phase is Phase.CANCELLED and tags.find_object("given_up")[tags.ENDED] == "cancelled"
    connected.avatars.clear()
    stranger = bpy.data.objects.new("Stranger", None)
    bpy.context.scene.collection.objects.link(stranger)
    stranger[tags.JOB] = "../no job of ours"
    connected.attach()
    assert not connected.avatars


def test_what_blender_cannot_write_fails_the_job_and_not_the_timer(connected, quad):
    vertices, faces, uv = quad
    work = submit(connected, SLOW, "odd")
    connected.take(MeshReady("odd", vertices, faces, uv))
    connected.take(TextureReady("odd", 0, np.zeros((4, 4), dtype=np.uint8)))  # no colours
    assert work.job.phase is Phase.FAILED and "could not be written" in work.job.message
    connected.client.send(session.Cancel("odd"))


def test_stop_and_start_again(store, monkeypatch):
    monkeypatch.setenv("MAQUETTE_STATE", str(store))
    assert bpy.ops.maquette.start_backend() == {"FINISHED"}  # finds the one that runs
    assert session.current().launched is None and session.current().ready
    assert bpy.ops.maquette.stop_backend() == {"FINISHED"}
    assert session.current().client is None
    assert bpy.ops.maquette.stop_backend.poll() is False
    assert bpy.ops.maquette.generate(seed=PLAIN) == {"FINISHED"}  # connects by itself


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """What a user may name as the backend's program: `PROGRAM serve` starts one, here with the tiny runner."""
    script = tmp_path / "backend program"
    script.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m backend \"$@\" {' '.join(COMMAND[4:])}\n")
    script.chmod(0o755)
    return script


@unix
def test_a_backend_is_started_used_and_ended(program, tmp_path, monkeypatch):
    monkeypatch.setenv("MAQUETTE_STATE", str(tmp_path / "store"))
    settings = preferences.preferences()
    settings.interpreter, settings.folder, settings.device = str(program), str(ROOT), "cpu"
    assert bpy.ops.maquette.start_backend() == {"FINISHED"}
    live = session.current()
    process = live.launched.process
    assert live.ready and process.poll() is None
    assert bpy.ops.maquette.generate(seed=PLAIN) == {"FINISHED"}
    process.kill()
    process.wait()
    live.pump()
    assert "has ended" in live.problem.message and live.launched is None
    assert bpy.ops.maquette.start_backend() == {"FINISHED"}
    assert live.problem is None
    process = live.launched.process
    assert bpy.ops.maquette.stop_backend() == {"FINISHED"}
    assert process.poll() is not None


FORGETFUL = """
import sys, bpy, blender_addon
blender_addon.register()
settings = bpy.context.preferences.addons["blender_addon"].preferences
settings.interpreter, settings.folder, settings.device = sys.argv[1], sys.argv[2], "cpu"
bpy.ops.maquette.start_backend()
print("backend", blender_addon.session.current().launched.process.pid)
"""


@unix
def test_a_script_that_forgets_to_unregister_leaves_no_backend(program, tmp_path):
    environment = {**os.environ, "MAQUETTE_STATE": str(tmp_path / "store")}
    command = [sys.executable, "-c", FORGETFUL, str(program), str(ROOT)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    number = int(done.stdout.split("backend ")[1].split()[0])
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
