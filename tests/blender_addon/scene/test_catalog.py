# SPDX-License-Identifier: GPL-3.0-or-later
import uuid

from blender_addon.scene.catalog import ENTRY, IDENTITY, with_catalog


def test_a_list_is_begun_with_its_version() -> None:
    made = with_catalog("")
    assert "VERSION 1" in made.splitlines() and made.splitlines()[-1] == ENTRY
    assert uuid.UUID(IDENTITY).version == 4


def test_what_others_wrote_stays_and_nothing_is_added_twice() -> None:
    before = "VERSION 1\n\n11111111-1111-4111-8111-111111111111:Props/Chairs:Props-Chairs"
    after = with_catalog(before)
    assert after == before + "\n" + ENTRY + "\n"
    assert with_catalog(after) == after
    renamed = after.replace(":Avatars:Avatars", ":People/Heads:People-Heads")
    assert with_catalog(renamed) == renamed
