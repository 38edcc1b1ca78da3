# SPDX-License-Identifier: GPL-3.0-or-later
"""The samples of docs/crowds.md run as they stand."""

import re
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("addon")]

PAGE = Path(__file__).parents[2] / "docs" / "crowds.md"


def test_the_samples_run(connected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = re.findall(r"^```python crowd\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(found) == 2
    exec(compile("\n".join(found), str(PAGE), "exec"), {})
    assert "Chorus 5" in capsys.readouterr().out
    assert [len(bpy.data.collections[name].objects) for name in ("Crowd", "Crowd.001", "Chorus")] == [12, 1, 5]
    assert len(list((tmp_path / "people").iterdir())) == 2
