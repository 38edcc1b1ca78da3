# SPDX-License-Identifier: GPL-3.0-or-later
import re
import stat
from pathlib import Path

import pytest
from PIL import Image

from scripts import guide_chapters, picture_guide
from scripts.guide_window import HAND, LANGUAGE, LANGUAGES, WANTED

ROOT = Path(picture_guide.__file__).parent.parent
SHOTS = re.findall(r'shoot\("(\w+)"\)', Path(guide_chapters.__file__).read_text("utf-8"))


def test_every_chapter_can_be_gone_through():
    assert all(callable(getattr(guide_chapters.Guide, each)) for each in picture_guide.CHAPTERS)


def test_the_guide_shows_what_the_script_takes_and_nothing_else():
    shown = re.findall(r"\(images/guide/(\w+)\.png\)", (ROOT / "docs" / "artist.md").read_text("utf-8"))
    assert sorted(shown) == sorted([*SHOTS, "languages"])
    stored = {each.stem for each in (ROOT / "docs" / "images" / "guide").glob("*.png")}
    assert stored == set(shown)


def test_sidebars_in_other_languages_become_one_picture(tmp_path):
    shots, out = tmp_path / "shots", tmp_path / "out"
    shots.mkdir()
    for name, colour in zip(
        ("create", *(f"{LANGUAGE}{each}" for each in LANGUAGES)), ("red", "lime", "blue"), strict=True
    ):
        Image.new("RGB", picture_guide.SIZE, colour).save(shots / f"{name}.png")
    assert picture_guide.store(shots, out) == 0
    assert {each.name for each in out.iterdir()} == {"create.png", "languages.png"}
    both = Image.open(out / "languages.png").convert("RGB")
    left, top, right, bottom = picture_guide.SIDEBAR
    assert both.size == (2 * (right - left), bottom - top)
    assert both.getpixel((5, 5)) == (0, 255, 0) and both.getpixel((right - left + 5, 5)) == (0, 0, 255)


def test_no_picture_is_a_failure(tmp_path):
    assert picture_guide.store(tmp_path, tmp_path / "out") == 1


def test_the_hand_does_what_blender_wrote_down_and_the_camera_too(tmp_path, monkeypatch):
    """With programs in the place of xdotool and import that write down how they were called."""
    programs, shots = tmp_path / "bin", tmp_path / "shots"
    programs.mkdir()
    shots.mkdir()
    for name in ("xdotool", "import"):
        program = programs / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/calls"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (shots / HAND).write_text('["mousemove", "3", "4"]')
    (shots / f"crowd{WANTED}").touch()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    picture_guide.serve(shots, {"PATH": f"{programs}:/usr/bin:/bin"})
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["xdotool mousemove 3 4", f"import -window root {shots / 'crowd.png'}"]
    assert list(shots.iterdir()) == []  # done: Blender waits for the orders to go


def test_a_button_that_is_not_there_is_no_endless_search(tmp_path):
    class Region:
        type, x, y, width, height = "UI", 0, 0, 100, 60

    class Area:
        regions = (Region,)

    class Window(guide_chapters.Window):
        def hand(self, *words):
            self.asked = words
            yield

        def under(self, area, region):
            return "bpy.ops.maquette.generate()" if self.asked[2] > 30 else ""

        def height(self):
            return 60

        def pause(self, seconds):
            yield

    def place_of(what):
        steps = Window(tmp_path).find(what, area=Area)
        while True:
            try:
                next(steps)
            except StopIteration as found:
                return found.value

    x, y = place_of("maquette.generate")
    assert x == 50 and 30 < y < 50
    with pytest.raises(LookupError, match=r"no button maquette\.cancel"):
        place_of("maquette.cancel")
