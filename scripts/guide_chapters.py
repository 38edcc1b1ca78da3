# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/artist.md says, done with the mouse in Blender's window: one chapter after the other, each with a picture.

Blender runs this file. Python sets up what the guide does not speak of (a ground for the crowd, where the view looks,
which panels are folded away) and looks whether a click did what it should; all the rest is clicked and typed.
"""

import importlib
import json
import math
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.guide_window import ASIDE, LANGUAGE, LANGUAGES, Steps, Window

if TYPE_CHECKING:
    import bpy

MODULE = "bl_ext.user_default.maquette"
TICK = 0.03
PREFERENCES_AT = (240, 60)
"""Where the hand puts that window, as there may be no window manager to do it."""
EDIT_MENU, PREFERENCES, EXTENSIONS, ADDONS = (83, 14), (136, 283), (300, 224), (280, 258)
FILE_PATH, FILE_NAME, CHOOSE = (628, 49), (628, 676), (1208, 676)
ARROW, FROM_DISK, PATH, FIRST_FILE, INSTALL = (908, 79), (800, 201), (783, 82), (570, 168), (854, 580)
SEARCH, EXPAND, INTERPRETER = (540, 79), (430, 115), (730, 356)
"""Blender 4.3's own buttons in a window of 1280 x 720, and in the preferences where the hand puts them."""
ASSET, DROP = (304, 515), (230, 330)
"""The first asset, and where it is dragged to."""
HEADER = 15
"""Pixels from the top of the sidebar to the middle of the first panel's title."""
LAST = 0.83
"""How far across the sidebar the small button at the end of a row is."""


def _has(settings: Any, name: str, value: object) -> bool:
    return bool(getattr(settings, name) == value)


class Guide(Window):
    """The chapters."""

    def __init__(self, order: dict[str, Any]) -> None:
        super().__init__(Path(order["out"]))
        self.order = order
        self.work, self.portrait = Path(order["work"]), Path(order["portrait"])
        self.panels: list[Any] = []
        self.shown: list[Any] = []
        self.folded: set[str] = set()
        """Panels that nobody has opened yet."""

    def chapters(self) -> Steps:
        """All that are wanted, in order; yields while Blender has something to do."""
        self.prepare()
        yield from self.pause(3)
        for name in self.order["chapters"]:
            print(f"chapter {name}", flush=True)
            yield from getattr(self, name)()
        yield from self.only(*(each.__name__.removeprefix("MAQUETTE_PT_") for each in self.panels))  # as it was

    def prepare(self) -> None:
        """A quiet window, and nothing in the scene that the guide does not speak of."""
        import bpy

        bpy.context.preferences.system.viewport_aa = "OFF"
        bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
        for found in [each for each in bpy.data.objects if each.type == "MESH"]:
            bpy.data.objects.remove(found)
        self.area().spaces.active.overlay.show_cursor = False

    def install(self) -> Steps:
        """From the archive on the disk to the switched-on add-on that knows its Python."""
        import bpy

        yield from self.click(EDIT_MENU)
        yield from self.click(PREFERENCES)
        yield from self.pause(2)
        yield from self.hand("search", "--sync", "--name", "^Preferences$", "windowmove", *PREFERENCES_AT)
        yield from self.pause(1)
        yield from self.click(EXTENSIONS)
        yield from self.click(ARROW)
        yield from self.click(FROM_DISK)
        yield from self.pause(2)
        yield from self.write(PATH, self.order["archive"])
        yield from self.click(FIRST_FILE)
        yield from self.shoot("disk")
        yield from self.click(INSTALL)
        yield from self.until(lambda: MODULE in bpy.context.preferences.addons, 120)
        yield from self.click(ADDONS)
        yield from self.write(SEARCH, "maquette")
        yield from self.click(EXPAND)
        yield from self.shoot("install")
        yield from self.write(INTERPRETER, self.order["program"])
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[-1]):
            bpy.ops.wm.window_close()  # its cross belongs to a window manager
        yield from self.pause(1)
        self.panels = [
            each
            for file in ("panels", "crowd_panel")
            for each in importlib.import_module(f"{MODULE}.{file}").CLASSES
            if each.__name__.startswith("MAQUETTE_PT_")
        ]
        self.shown = list(self.panels)
        self.folded = {each.__name__ for each in self.panels if "DEFAULT_CLOSED" in getattr(each, "bl_options", ())}
        yield from self.hand("mousemove", *ASIDE)
        yield from self.hand("key", "n")
        yield from self.pause(2)
        yield from self.tab()

    def tab(self) -> Steps:
        """A click on the tab; it is the one that lets the sidebar be ours."""
        area = self.area()
        sidebar = next(each for each in area.regions if each.type == "UI")
        x, top = sidebar.x + sidebar.width - 11, self.height() - sidebar.y - sidebar.height
        for down in range(10, sidebar.height, 40):
            yield from self.click((x, top + down))
            if sidebar.active_panel_category == "Maquette":
                return
        raise LookupError("the sidebar has no tab Maquette")

    def backend(self) -> Steps:
        """Started from the panel, which shows its log, too."""
        import bpy

        yield from self.only("backend", "create")
        yield from self.press("maquette.start_backend", 0.25)
        yield from self.until(lambda: self.live.ready and "idle" in str(self.live.client.welcome.capabilities))
        yield from self.pause(2)
        yield from self.shoot("backend")
        yield from self.press("maquette.show_log", 0.75)
        windows = bpy.context.window_manager.windows
        yield from self.until(lambda: [each.type for each in windows[-1].screen.areas] == ["TEXT_EDITOR"], 30)
        assert "listening at" in windows[-1].screen.areas[0].spaces.active.text.as_string()
        yield from self.pause(1)
        with bpy.context.temp_override(window=windows[-1]):
            bpy.ops.wm.window_close()
        yield from self.pause(1)

    def create(self) -> Steps:
        """A portrait is chosen in the file window."""
        import bpy

        settings = bpy.context.scene.maquette
        yield from self.only("create", "queue")
        yield from self.pause(1)
        yield from self.press("maquette.source", 0.25)
        yield from self.choose("maquette.pick_portrait", settings)
        yield from self.shoot("create")

    def languages(self) -> Steps:
        """The same panel in the two languages that come with it."""
        import bpy

        view = bpy.context.preferences.view
        yield from self.only("create", "queue")
        for language in LANGUAGES:
            view.language, view.use_translate_interface = language, True
            yield from self.pause(2)
            yield from self.shoot(f"{LANGUAGE}{language}")
        view.language = "en_US"
        yield from self.pause(1)

    def choose(self, button: str, settings: Any) -> Steps:
        """A photograph by a button that opens the file window."""
        yield from self.press(button, LAST)
        yield from self.until(lambda: any(each.type == "FILE_BROWSER" for each in self.areas()), 30)
        yield from self.pause(2)
        yield from self.write(FILE_PATH, f"{self.portrait.parent}/")
        yield from self.write(FILE_NAME, self.portrait.name)
        yield from self.click(CHOOSE)
        yield from self.until(lambda: Path(settings.portrait).name == self.portrait.name, 30)
        yield from self.pause(1)

    def sharpen(self) -> Steps:
        """The portrait's avatar under way at the highest quality, and one from a sentence that waits behind it."""
        import bpy

        settings = bpy.context.scene.maquette
        yield from self.only("create", "queue")
        yield from self.pause(1)
        sentence = yield from self.find("maquette.source", 0.75)
        yield from self.click(sentence)
        yield from self.write((yield from self.find("maquette.sentence")), "an old woman with short grey hair")
        yield from self.press("maquette.source", 0.25)
        quality = yield from self.find("maquette.preset", 0.6)
        yield from self.turn(quality, lambda: settings.preset == "high")
        yield from self.press("maquette.generate")
        yield from self.until(lambda: len(self.live.avatars) == 1, 60)
        yield from self.click(sentence)
        yield from self.press("maquette.generate")
        yield from self.until(lambda: len(self.live.avatars) == 2, 60)
        yield from self.only("queue")
        first = next(iter(self.live.avatars.values()))
        yield from self.until(lambda: first.texture is not None)
        self.look(_middle(self.hopper()), 1.2, 5, 10)
        yield from self.shoot("sharpen")

    def cancel(self) -> Steps:
        """The one that waits is stopped, the other goes on."""
        doomed = list(self.live.avatars)[-1]
        yield from self.press(doomed)
        yield from self.until(lambda: self.live.avatars[doomed].job.phase.over, 120)
        yield from self.shoot("cancel")
        yield from self.quiet()

    def styles(self) -> Steps:
        """Everybody becomes a golden statue; the first of them arrives."""
        import bpy

        there = set(bpy.data.objects)
        yield from self.only("styles")
        yield from self.write((yield from self.find("maquette_style.sentence")), "a golden statue")
        yield from self.press("maquette.adapt")
        yield from self.until(lambda: any("maquette_job" in each for each in set(bpy.data.objects) - there))
        yield from self.quiet()
        first = next(each for each in set(bpy.data.objects) - there if "maquette_job" in each)
        self.look(_middle(first), 1.2, 5, 10)
        yield from self.shoot("styles")

    def avatar(self) -> Steps:
        """What can be made of it, once it is selected."""
        yield from self.only("avatar")
        yield from self.select(self.hopper())
        yield from self.press("maquette.look_at", 0.25)
        yield from self.shoot("avatar")

    def refine(self) -> Steps:
        """Suzanne gets skin."""
        import bpy

        yield from self.hand("mousemove", 400, 400)
        yield from self.hand("key", "shift+a")
        yield from self.pause(1)
        yield from self.hand("type", "--delay", 60, "monkey")
        yield from self.pause(1)
        yield from self.hand("key", "Return")
        yield from self.until(lambda: "Suzanne" in bpy.data.objects, 30)
        suzanne = bpy.data.objects["Suzanne"]
        suzanne.location, suzanne.scale = (-1.5, 0, 0.2), (0.3,) * 3
        yield from self.only("refine")
        self.look((-1.5, 0, 0.2), 1.1, 8, 15)
        yield from self.pause(1)
        yield from self.choose("maquette.pick_reference", bpy.context.scene.maquette_refine)
        before = len(self.live.avatars)
        yield from self.press("maquette.refine")
        yield from self.until(lambda: len(self.live.avatars) > before, 60)
        yield from self.quiet()
        yield from self.shoot("refine")
        bpy.data.objects.remove(suzanne)

    def crowd(self) -> Steps:
        """Forty people on a hilly ground."""
        import bpy

        bpy.ops.mesh.primitive_grid_add(x_subdivisions=60, y_subdivisions=60, size=7, location=(6, 0, 0))
        ground = bpy.context.object
        ground.name = "Ground"
        for vertex in ground.data.vertices:
            vertex.co.z = 0.25 * math.sin(1.3 * vertex.co.x) * math.cos(vertex.co.y)
        ground.data.update()
        settings = bpy.context.scene.maquette_crowd
        yield from self.only("crowd")
        self.look((6, 0, 0.2), 5.5, 25, 20)
        yield from self.pause(1)
        layout = yield from self.find("maquette_crowd.layout", 0.6)
        yield from self.turn(layout, lambda: settings.layout == "surface")
        for name, number, at in (("distinct", 3, 0.25), ("count", 40, 0.25)):
            yield from self.write((yield from self.find(f"maquette_crowd.{name}", at)), str(number))
            yield from self.until(partial(_has, settings, name, number), 10)
        yield from self.press("maquette.populate")
        run = importlib.import_module(f"{MODULE}.crowd_run")
        yield from self.until(lambda: run.current() is not None, 30)
        yield from self.until(lambda: run.current().over)
        yield from self.shoot("crowd")

    def asset(self) -> Steps:
        """Marked by its button, and dragged back into the scene from the asset browser."""
        import bpy

        avatar = self.hopper()
        bpy.ops.wm.save_as_mainfile(filepath=str(self.work / "avatars.blend"))
        yield from self.only("avatar")
        yield from self.select(avatar)
        yield from self.press("maquette.mark_asset", 0.75)
        yield from self.until(lambda: avatar.asset_data is not None, 30)
        yield from self.hand("key", "ctrl+s")
        yield from self.pause(3)
        self.look(_middle(avatar), 0.8, 8, 15)
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=self.area()):
            bpy.ops.screen.area_split(direction="HORIZONTAL", factor=0.34)
        lower = min((each for each in self.areas() if each.type == "VIEW_3D"), key=lambda each: each.y)
        lower.ui_type = "ASSETS"
        yield from self.pause(4)
        before = len(bpy.context.scene.objects)
        yield from self.drag(ASSET, DROP)
        yield from self.until(lambda: len(bpy.context.scene.objects) > before, 60)
        yield from self.shoot("asset")

    @property
    def live(self) -> Any:
        return importlib.import_module(f"{MODULE}.session").current()

    def hopper(self) -> "bpy.types.Object":
        """The avatar from the portrait."""
        import bpy

        return next(each for each in bpy.data.objects if "maquette_job" in each and "hopper" in each.name)

    def select(self, wanted: "bpy.types.Object") -> Steps:
        """A click on it in the view, which looks there."""
        import bpy
        from bpy_extras.view3d_utils import location_3d_to_region_2d

        middle = _middle(wanted)
        self.look(middle, 1.2, 8, 15)
        yield from self.pause(1)
        area = self.area()
        region = next(each for each in area.regions if each.type == "WINDOW")
        x, y = location_3d_to_region_2d(region, area.spaces.active.region_3d, middle)
        yield from self.click((round(region.x + x), self.height() - round(region.y + y)))
        yield from self.until(lambda: bpy.context.view_layer.objects.active == wanted and wanted.select_get(), 30)

    def quiet(self) -> Steps:
        """Until nothing is under way."""
        yield from self.until(lambda: all(each.job.phase.over for each in self.live.avatars.values()))

    def only(self, *names: str) -> Steps:
        """The tab with these panels, open, in this order; the others would not leave them room."""
        import bpy

        for each in reversed(self.shown):
            bpy.utils.unregister_class(each)
        by_name = {each.__name__.removeprefix("MAQUETTE_PT_"): each for each in self.panels}
        self.shown = [by_name[name] for name in names]
        for place, each in enumerate(self.shown):
            each.bl_options, each.bl_order = set(), place
            bpy.utils.register_class(each)
        yield from self.until(self.tab_shows, 30)
        if self.shown[0].__name__ in self.folded:
            self.folded.discard(self.shown[0].__name__)
            sidebar = next(each for each in self.area().regions if each.type == "UI")
            yield from self.pause(1)
            yield from self.click((sidebar.x + 60, self.height() - sidebar.y - sidebar.height + HEADER))

    def tab_shows(self) -> bool:
        """Turns the sidebar to the tab, which is there once one of its panels was drawn."""
        region = next(each for each in self.area().regions if each.type == "UI")
        try:
            region.active_panel_category = "Maquette"
        except TypeError:
            region.tag_redraw()
        return region.active_panel_category == "Maquette"

    def look(self, at: Any, distance: float, down: float, around: float) -> None:
        """The view from in front, so many degrees from above and from the side."""
        from mathutils import Euler

        view = self.area().spaces.active
        view.shading.type, view.shading.color_type, view.shading.show_specular_highlight = "SOLID", "TEXTURE", False
        region = view.region_3d
        region.view_perspective, region.view_location, region.view_distance = "PERSP", at, distance
        region.view_rotation = Euler((math.radians(90 - down), 0, math.radians(around))).to_quaternion()


def _middle(found: "bpy.types.Object") -> Any:
    """Of its bounding box, in the world."""
    from mathutils import Vector

    return found.matrix_world @ (sum((Vector(each) for each in found.bound_box), Vector()) / 8)


def main() -> None:
    """What Blender runs: the chapters on a timer, between whose ticks it draws and listens."""
    import bpy

    bpy.context.preferences.view.show_splash = False  # or it is there before the first tick
    steps = Guide(json.loads(os.environ["MAQUETTE_PICTURES"])).chapters()

    def tick() -> float | None:
        try:
            next(steps)
        except StopIteration:
            bpy.ops.wm.quit_blender()
            return None
        except Exception:
            import traceback

            traceback.print_exc()
            (Path(json.loads(os.environ["MAQUETTE_PICTURES"])["out"]) / "failed.wanted").touch()
            bpy.app.timers.register(lambda: os._exit(1), first_interval=3.0)  # nobody watches the window
            return None
        return TICK

    bpy.app.timers.register(tick, first_interval=2.0)


if __name__ == "__main__":
    main()
