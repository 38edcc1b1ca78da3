# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripting guide's samples for Blender run as they stand."""

import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene import catalog  # noqa: E402
from tests.samples import sample  # noqa: E402

RUNNER = "tests.integration.tiny_runner:Stylist"
pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("addon")]


def test_the_blender_samples_run(connected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(sample("blender"), "docs/scripting.md", "exec"), {})
    assert "Avatar 7" in capsys.readouterr().out
    names = [each.name for each in bpy.data.objects]
    woman = "A young woman with red hair"
    assert names[0] == "A marble statue"
    assert names[1:3] == [woman, f"{woman}, make her older"] and names[3].startswith(f"{woman}, make her older and")
    assert names[4:] == ["Avatar 7", "Avatar 7.001", "Avatar 8", "Avatar 8.001"]
    assert (tmp_path / catalog.FILE_NAME).exists()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "avatars.blend"), assets_only=True) as (there, _):
        assert there.objects == ["Avatar 8"]
