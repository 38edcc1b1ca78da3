# SPDX-License-Identifier: GPL-3.0-or-later
"""The specifications in docs/crowds.md are ones."""

import json
import re
from pathlib import Path

from blender_addon.crowd.plan import Terrain, arranged
from blender_addon.crowd.spec import KINDS, spec_of

PAGE = Path(__file__).parents[3] / "docs" / "crowds.md"


def test_every_specification_on_the_page_holds():
    found = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    specs = [spec_of(json.loads(each)) for each in found]
    assert {each.layout.kind for each in specs} == set(KINDS)
    for spec in specs:
        if spec.layout.object is None:
            assert len(arranged(spec, Terrain()).people) == spec.total
