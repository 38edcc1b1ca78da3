# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's window, worked by hand: buttons are found with the mouse, as a user finds them, and clicked.

What runs in Blender writes down what the hand is to do; `picture_guide.py`, outside, lets xdotool do it and takes the
pictures. A button is found by moving the pointer down a column and asking Blender what is under it, so that no
place of the add-on's own is written down anywhere.
"""

import json
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import bpy

WANTED, HAND = ".wanted", "hand.wanted"
"""Ends of the names of files that ask for a picture, and for a movement."""
LANGUAGE, LANGUAGES = "language_", ("ko_KR", "zh_HANS")
"""Beginning of the names of pictures that show the sidebar in a language, and its languages."""
ASIDE = (1000, 500)
"""Where the pointer waits."""
STEP = 9
"""Pixels between two looks at what is under the pointer: a button is 20 high."""
SWEEPS = 3
NOTICED = 0.12
"""Seconds that Blender may take to see where the pointer is."""
LIMIT_SECONDS = 1500.0
"""Of one wait: a busy machine takes its time."""

Steps = Iterator[None]


class Window:
    """The main window, unless another is named; places are pixels of the screen from its top left."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def hand(self, *words: object) -> Steps:
        """What xdotool is to do, and until it is done."""
        order = self.out / HAND
        part = order.with_suffix(".part")
        part.write_text(json.dumps([str(word) for word in words]))
        part.rename(order)
        yield from self.until(lambda: not order.exists())

    def click(self, place: tuple[int, int], times: int = 1) -> Steps:
        yield from self.hand("mousemove", *place)
        yield from self.pause(0.4)
        yield from self.hand("click", "--repeat", times, "--delay", 80, 1)
        yield from self.pause(0.6)

    def write(self, place: tuple[int, int], text: str) -> Steps:
        """Into the text field at the place, over what stands there."""
        yield from self.click(place, 2)
        yield from self.hand("key", "ctrl+a")
        yield from self.hand("type", "--delay", 25, text)
        yield from self.hand("key", "Return")
        yield from self.pause(1)

    def turn(self, place: tuple[int, int], there: Callable[[], bool]) -> Steps:
        """Ctrl and the wheel over a list until it shows the right entry."""
        yield from self.hand("mousemove", *place)
        yield from self.pause(0.4)
        for wheel in (5,) * 8 + (4,) * 8:
            if there():
                return
            yield from self.hand("keydown", "ctrl", "click", wheel, "keyup", "ctrl")
            yield from self.pause(0.5)
        raise LookupError("the list does not hold what the guide wants")

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> Steps:
        """From one place to the other with the button held, slowly enough to be seen as a drag."""
        yield from self.hand("mousemove", *start)
        yield from self.pause(0.5)
        yield from self.hand("mousedown", 1)
        for step in range(1, 11):
            yield from self.pause(0.2)
            yield from self.hand(
                "mousemove", *(round(a + (b - a) * step / 10) for a, b in zip(start, end, strict=True))
            )
        yield from self.pause(0.5)
        yield from self.hand("mouseup", 1)
        yield from self.pause(0.5)

    def find(
        self, what: str, at: float = 0.5, area: "bpy.types.Area | None" = None, region: str = "UI"
    ) -> Generator[None, None, tuple[int, int]]:
        """The place of a button by its operator or its property, `at` so far across the region.

        Raises LookupError where the region has none.
        """
        area = area or self.area()
        found = next(each for each in area.regions if each.type == region)
        x = found.x + round(at * found.width)
        # What is under way may move buttons from under the hand: it looks again.
        for down in (*range(STEP, found.height, STEP),) * SWEEPS:
            place = (x, self.height() - found.y - found.height + down)
            yield from self.hand("mousemove", *place)
            yield from self.pause(NOTICED)
            if what in self.under(area, found):
                # The middle of the button: its edge may belong to the next one after a redraw.
                return place[0], place[1] + STEP // 2
        raise LookupError(f"there is no button {what}")

    def press(self, what: str, at: float = 0.5, **where: Any) -> Steps:
        yield from self.click((yield from self.find(what, at, **where)))

    def under(self, area: "bpy.types.Area", region: "bpy.types.Region") -> str:
        """What Blender itself would copy from the button under the pointer: the operator's call or the data's path."""
        import bpy

        manager = bpy.context.window_manager
        with bpy.context.temp_override(window=manager.windows[0], area=area, region=region):
            if bpy.ops.ui.copy_python_command_button.poll():
                bpy.ops.ui.copy_python_command_button()
            elif bpy.ops.ui.copy_data_path_button.poll():
                bpy.ops.ui.copy_data_path_button(full_path=True)
            else:
                return ""
        return manager.clipboard

    def height(self) -> int:
        import bpy

        return bpy.context.window_manager.windows[0].height

    def areas(self) -> list["bpy.types.Area"]:
        import bpy

        return list(bpy.context.window_manager.windows[0].screen.areas)

    def area(self, kind: str = "VIEW_3D") -> "bpy.types.Area":
        """The largest of a kind."""
        return max((each for each in self.areas() if each.type == kind), key=lambda each: each.width * each.height)

    def shoot(self, name: str) -> Steps:
        """A picture of the screen, with the pointer out of the way and no tooltip left."""
        for step in range(3):
            yield from self.hand("mousemove", ASIDE[0], ASIDE[1] + 3 * step)
            yield from self.pause(0.3)
        for area in self.areas():
            area.tag_redraw()
        yield from self.pause(1.5)
        wanted = self.out / f"{name}{WANTED}"
        wanted.touch()
        yield from self.until(lambda: not wanted.exists())

    def pause(self, seconds: float) -> Steps:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            yield

    def until(self, there: Callable[[], bool], seconds: float = LIMIT_SECONDS) -> Steps:
        end = time.monotonic() + seconds
        while not there():
            if time.monotonic() > end:
                raise TimeoutError("what the guide waits for does not come")
            yield
