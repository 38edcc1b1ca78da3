# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

bpy = pytest.importorskip("bpy")

import blender_addon  # noqa: E402
from blender_addon import preferences, session  # noqa: E402
from blender_addon.protocol import Connection, ProtocolError  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("empty")]


def traces() -> dict[str, object]:
    """All that a registered add-on adds to Blender."""
    handlers = bpy.app.handlers
    return {
        "types": sorted(name for name in dir(bpy.types) if "MAQUETTE" in name),
        "operators": sorted(dir(bpy.ops.maquette)),
        "handlers": [len(each) for each in (handlers.undo_post, handlers.redo_post, handlers.load_post)],
        "savers": [len(each) for each in (handlers.save_pre, handlers.save_post)],
        "scene": hasattr(bpy.types.Scene, "maquette"),
        "preferences": sorted(each.module for each in bpy.context.preferences.addons),
        "timer": bpy.app.timers.is_registered(session.pump),
    }


def test_twenty_rounds_leave_nothing_behind():
    before = traces()
    for _ in range(20):
        blender_addon.register()
        assert traces()["scene"] and preferences.preferences().stop_with_blender
        blender_addon.unregister()
    assert traces() == before


def test_the_preferences_survive_a_factory_reset(addon):
    preferences.preferences().interpreter = "/usr/bin/python3"
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert preferences.preferences().interpreter == ""
    assert bpy.context.scene.maquette.preset == "standard"


def test_loopback_needs_no_online_access_and_other_machines_do():
    preferences.check_allowed(Connection("tcp://127.0.0.1:5555", "key"))
    preferences.check_allowed(Connection("tcp://[::1]:5555", "key"))
    preferences.check_allowed(Connection("tcp://localhost:5555", "key"))
    assert not bpy.app.online_access
    for address in ("tcp://192.168.1.4:5555", "tcp://backend.example:5555", "tcp://:5555"):
        with pytest.raises(ProtocolError, match="allow online access"):
            preferences.check_allowed(Connection(address, "key"))


def test_another_machine_needs_consent_too(addon, monkeypatch):
    class Online:
        online_access = True

    monkeypatch.setattr(preferences.bpy, "app", Online)
    with pytest.raises(ProtocolError, match="you have not allowed that yet"):
        preferences.check_allowed(Connection("tcp://192.168.1.4:5555", "key"))
    preferences.preferences().allow_remote = True
    preferences.check_allowed(Connection("tcp://192.168.1.4:5555", "key"))


def test_a_test_of_the_connection_says_what_is_wrong(addon, tmp_path, monkeypatch):
    monkeypatch.setenv("MAQUETTE_STATE", str(tmp_path))
    assert bpy.ops.maquette.test_connection() == {"FINISHED"}
    verdict = session.current().verdict
    assert not verdict.good and "does not exist" in verdict.sentence


def test_operators_refuse_with_a_sentence(addon, tmp_path, monkeypatch):
    monkeypatch.setenv("MAQUETTE_STATE", str(tmp_path))
    with pytest.raises(RuntimeError, match="No backend runs here"):
        bpy.ops.maquette.connect()
    with pytest.raises(RuntimeError, match="No backend runs here"):
        bpy.ops.maquette.generate(seed=3)
    preferences.preferences().interpreter = "/no/such/python"
    with pytest.raises(RuntimeError, match="Choose the Python in which Maquette is installed"):
        bpy.ops.maquette.start_backend()
    assert "is no program" in session.current().problem.message
