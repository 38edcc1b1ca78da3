# SPDX-License-Identifier: GPL-3.0-or-later
"""The page says what the code says: the refusals of the table, as far as they need no face networks and no files."""

from pathlib import Path

import pytest

pytest.importorskip("bpy", reason="bpy is an extra: pip install maquette[blender]")

from scripts.bad_heads import answered, meshes

PAGE = Path(__file__).parent.parent.parent / "docs" / "refining.md"


class Blind:
    """A finder that sees no faces."""

    def landmarks(self, image) -> None:
        return None


def rows() -> dict[str, str]:
    """What came in -> its answer, as the page has it."""
    lines = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.count(" | ") == 3]
    return {name: answer.removesuffix(" |") for _, kind, name, answer in lines if kind in ("file", "mesh", "picture")}


def test_the_page_has_thirty_cases_and_no_traceback() -> None:
    table = rows()
    assert len(table) >= 30
    assert all(answer.startswith(("taken", "refused: ")) for answer in table.values())


def test_refused_meshes_are_answered_as_the_page_says() -> None:
    table = rows()
    refused = [(name, case) for name, case in meshes(Blind()) if table[name].startswith("refused")]
    assert len(refused) >= 9
    for name, case in refused:
        assert answered(case) == (table[name], True)
