# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user does to Blender while an avatar is under way, and Blender's own sudden end."""

import os
import signal
import subprocess
import sys
import time

import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.jobs import Phase  # noqa: E402
from blender_addon.scene import image, tags  # noqa: E402
from tests.blender.backend import ROOT, pump_until, submit  # noqa: E402
from tests.integration.tiny_runner import PLAIN, SLOW  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("addon")]

DIES = """
import sys
sys.path.insert(0, sys.argv[2])
import bpy, blender_addon
from tests.blender.backend import pump_until, submit
from blender_addon import session
blender_addon.register()
bpy.ops.maquette.connect()
live = session.current()
live.wait_ready(30)
work = submit(live, 1, "orphan", steps=40)
pump_until(live, lambda: work.job.fraction > 0)
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
print("under way", flush=True)
sys.stdin.readline()
"""


def sharp(job_id: str) -> bool:
    """Whether the last texture is there, whatever its image is called."""
    return image.read_image(tags.find_image(job_id)).shape == (16, 16, 3)


def test_new_names_for_everything_change_nothing(connected):
    work = submit(connected, PLAIN, "renamed")
    pump_until(connected, lambda: work.shape is not None)
    avatar = tags.find_object("renamed")
    for block in (avatar, avatar.data, avatar.active_material, tags.find_image("renamed"), bpy.context.scene):
        block.name = f"Mine {type(block).__name__}"
    pump_until(connected, lambda: work.job.phase is Phase.DONE)
    assert sharp("renamed") and len(bpy.data.objects) == len(bpy.data.materials) == 1
    assert tags.find_object("renamed").name == "Mine Object" and tags.find_image("renamed").name == "Mine Image"
    assert tags.recipe_of(tags.find_object("renamed"))["seed"] == PLAIN


@pytest.mark.parametrize("mode", ["EDIT", "SCULPT", "TEXTURE_PAINT", "WEIGHT_PAINT"])
def test_whatever_mode_the_user_is_in_the_texture_sharpens_and_the_mode_stays(connected, mode):
    work = submit(connected, PLAIN, f"mode_{mode}")
    pump_until(connected, lambda: work.shape is not None)
    avatar = tags.find_object(f"mode_{mode}")
    bpy.context.view_layer.objects.active = avatar
    bpy.ops.object.mode_set(mode=mode)
    pump_until(connected, lambda: work.job.phase.over)
    assert work.job.phase is Phase.DONE and avatar.mode == mode
    assert sharp(f"mode_{mode}") and tags.recipe_of(avatar)["seed"] == PLAIN
    bpy.ops.object.mode_set(mode="OBJECT")


def test_a_new_avatar_comes_while_another_object_is_edited(connected):
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    work = submit(connected, PLAIN, "beside")
    pump_until(connected, lambda: work.job.phase.over)
    assert work.job.phase is Phase.DONE and tags.find_object("beside") is not None and sharp("beside")
    assert cube.name in bpy.data.objects and len(cube.data.polygons) == 6
    if cube.mode == "EDIT":
        bpy.ops.object.mode_set(mode="OBJECT")


def test_an_avatar_comes_into_the_scene_it_was_asked_for_in(connected):
    asked = bpy.context.scene
    work = submit(connected, PLAIN, "there")
    other = bpy.data.scenes.new("Another")
    bpy.context.window_manager.windows[0].scene = other
    pump_until(connected, lambda: work.job.phase is Phase.DONE)
    assert [each.get(tags.JOB) for each in asked.objects] == ["there"] and not other.objects


def test_a_scene_that_is_gone_is_replaced_by_the_open_one(connected):
    asked = bpy.context.scene
    work = submit(connected, PLAIN, "elsewhere")
    other = bpy.data.scenes.new("Another")
    bpy.context.window_manager.windows[0].scene = other
    bpy.data.scenes.remove(asked)
    pump_until(connected, lambda: work.job.phase is Phase.DONE)
    assert [each.get(tags.JOB) for each in other.objects] == ["elsewhere"] and sharp("elsewhere")


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_killed_blender_finds_its_avatar_in_the_file_it_had_saved(connected, store, tmp_path):
    file = tmp_path / "saved.blend"
    environment = {**os.environ, "MAQUETTE_STATE": str(store), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", DIES, str(file), str(ROOT)]
    blender = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert blender.stdout is not None
    assert any("under way" in line for line in blender.stdout)
    blender.send_signal(signal.SIGKILL)
    assert blender.wait(10) == -signal.SIGKILL
    # Nobody listens now, and the backend goes on.
    other = submit(connected, SLOW, "meanwhile", steps=1)
    pump_until(connected, lambda: other.job.phase is Phase.DONE)
    bpy.ops.wm.open_mainfile(filepath=str(file))
    found = connected.avatars["orphan"]
    end = time.monotonic() + 20
    while found.job.phase is not Phase.DONE and time.monotonic() < end:
        pump_until(connected, lambda: found.job.phase.over)
    assert found.job.phase is Phase.DONE and sharp("orphan")
    assert tags.recipe_of(tags.find_object("orphan"))["seed"] == SLOW
