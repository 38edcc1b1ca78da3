# SPDX-License-Identifier: GPL-3.0-or-later
"""Several jobs at once: their order, trying again, and results that are fetched later, against a real backend."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import queue, session  # noqa: E402
from blender_addon.jobs import Phase  # noqa: E402
from blender_addon.protocol import ListJobs, MeshReady, TextureReady  # noqa: E402
from blender_addon.scene import image, tags  # noqa: E402
from tests.blender.backend import pump_until, submit  # noqa: E402
from tests.integration.tiny_runner import PLAIN, SLOW, UNFIT  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("addon")]


def forget(live: session.Session) -> None:
    """As in a Blender that was closed and opened again."""
    live.avatars.clear()
    live.stored.clear()


def test_jobs_wait_in_order_change_places_and_end_one_by_one(connected):
    works = {name: submit(connected, SLOW if name == "one" else PLAIN, name) for name in ("one", "two", "three")}
    pump_until(connected, lambda: works["three"].job.phase is Phase.QUEUED and works["one"].job.fraction > 0)
    connected.ask(ListJobs())
    pump_until(connected, lambda: any(each.state == "running" for each in connected.stored))
    assert queue.waiting(connected.avatars) == ["one", "two", "three"]
    assert bpy.ops.maquette.move_job(job="three", step=-1) == {"FINISHED"}
    pump_until(connected, lambda: works["three"].job.position < works["two"].job.position)
    assert queue.waiting(connected.avatars) == ["one", "three", "two"]
    connected.cancel("three")
    pump_until(connected, lambda: works["three"].job.phase is Phase.CANCELLED)
    assert not works["one"].job.phase.over  # a cancel is of one job
    connected.cancel("one")
    pump_until(connected, lambda: all(each.job.phase.over for each in works.values()))
    assert [each.job.phase for each in works.values()] == [Phase.CANCELLED, Phase.DONE, Phase.CANCELLED]
    assert tags.find_object("two") is not None
    assert bpy.ops.maquette.clear_queue() == {"FINISHED"} and not connected.avatars
    assert bpy.ops.maquette.clear_queue.poll() is False


def test_what_was_cancelled_or_failed_is_tried_again_with_its_own_request(connected):
    work = submit(connected, SLOW, "stopped")
    connected.cancel("stopped")
    pump_until(connected, lambda: work.job.phase is Phase.CANCELLED)
    assert bpy.ops.maquette.cancel.poll() is False
    again = queue.retry(connected, "stopped", "draft")
    assert again.request.preset == "draft" and again.request.seed == SLOW and again.job.job_id != "stopped"
    connected.cancel(again.job.job_id)
    pump_until(connected, lambda: again.job.phase.over)
    unfit = submit(connected, UNFIT, "unfit")
    pump_until(connected, lambda: unfit.job.phase is Phase.FAILED)
    assert bpy.ops.maquette.retry(job="unfit") == {"FINISHED"}
    (last,) = [each for each in connected.avatars.values() if each.request and each.request.seed == UNFIT]
    assert last is not unfit and last.job.code == "bad_portrait"
    done = submit(connected, PLAIN, "fine")
    pump_until(connected, lambda: done.job.phase is Phase.DONE)
    with pytest.raises(RuntimeError, match="Only a job of this Blender that failed"):
        bpy.ops.maquette.retry(job="fine")


def test_a_result_that_was_never_saved_is_fetched_from_the_store(connected):
    assert bpy.ops.maquette.generate(seed=PLAIN, preset="draft") == {"FINISHED"}
    (job_id,) = connected.avatars
    bpy.ops.wm.read_factory_settings(use_empty=True)
    forget(connected)
    connected.ask(ListJobs())
    pump_until(connected, lambda: bool(connected.stored))
    row = next(each for each in connected.stored if each.job_id == job_id)
    assert row.state == "done" and row.name == "Avatar 0" and row.preset == "draft"
    assert bpy.ops.maquette.fetch(job=job_id) == {"FINISHED"}
    assert tags.recipe_of(tags.find_object(job_id))["seed"] == PLAIN
    assert bpy.ops.maquette.fetch(job=job_id) == {"FINISHED"}  # it is here: found by its id, not made again
    assert len(bpy.data.objects) == 1
    assert bpy.ops.maquette.discard(job=job_id) == {"FINISHED"}
    pump_until(connected, lambda: all(each.job_id != job_id for each in connected.stored))
    bpy.data.objects.remove(tags.find_object(job_id))
    with pytest.raises(RuntimeError, match="does not know that avatar"):
        bpy.ops.maquette.fetch(job=job_id)


def test_a_file_saved_before_the_mesh_came_asks_for_it_when_it_is_opened(connected, tmp_path):
    work = submit(connected, PLAIN, "early")
    path = str(tmp_path / "early.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    pump_until(connected, lambda: work.job.phase.over)
    forget(connected)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert not bpy.data.objects and "early" in connected.avatars
    pump_until(connected, lambda: connected.avatars["early"].job.phase is Phase.DONE)
    assert tags.find_object("early") is not None
    bpy.ops.wm.save_as_mainfile(filepath=path)
    assert not tags.take_pending()


def test_damaged_notes_in_a_file_are_left_out(connected):
    scene = bpy.context.scene
    for damaged in ("no JSON", "[1, 2]"):
        scene[tags.PENDING] = damaged
        assert tags.take_pending() == [] and tags.PENDING not in scene
    scene[tags.PENDING] = '{"../no id": "Odd"}'
    connected.attach()
    assert not connected.avatars


def test_a_large_texture_comes_in_steps_and_what_happens_between_them_is_minded(connected, quad):
    work = submit(connected, SLOW, "large")
    connected.take(MeshReady("large", *quad))
    texels = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    steps = connected._steps(TextureReady("large", 3, texels, True))
    for _ in range(8):
        next(steps)
        assert work.texture is None
    bpy.data.objects.remove(tags.find_object("large"))
    assert sum(1 for _ in steps) > 4
    assert work.texture.level == 3
    np.testing.assert_array_equal(image.read_image(tags.find_image("large")), texels)
    steps = connected._steps(TextureReady("large", 4, 255 - texels, True))
    next(steps)
    connected.cancel("large")
    list(steps)
    assert work.texture.level == 3  # what was on its way when the user said stop
    pump_until(connected, lambda: work.job.phase.over)


def test_memory_is_freed_and_the_next_avatar_works(connected):
    assert bpy.ops.maquette.generate(seed=PLAIN) == {"FINISHED"}

    def states() -> list[str]:
        return [each["state"] for each in connected.client.welcome.capabilities["devices"]]

    pump_until(connected, lambda: states() == ["idle"])
    assert connected.client.welcome.capabilities["devices"][0]["memory"]["total"] > 0
    assert bpy.ops.maquette.free_memory() == {"FINISHED"}
    pump_until(connected, lambda: states() == ["asleep"])
    assert bpy.ops.maquette.free_memory.poll() is False
    assert bpy.ops.maquette.generate(seed=PLAIN) == {"FINISHED"}


def test_the_log_comes_into_a_text_block(connected):
    assert bpy.ops.maquette.show_log() == {"FINISHED"}
    text = bpy.data.texts["Maquette log"].as_string()
    assert "listening at" in text and "worker-cpu.log" in text
    assert bpy.ops.maquette.show_log() == {"FINISHED"} and len(bpy.data.texts) == 1
