#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of docs/artist.md: a Blender with its window does what the guide says, with the real model.

    python scripts/picture_guide.py --blender /path/to/blender [--out docs/images/guide] [--only create ...]

Outside Blender it builds and installs the extension into a profile of its own and starts a backend; Blender opens a
window, goes through the guide's chapters one after the other, and takes a picture of its own window at each. Panels
that a chapter is not about are folded away, so that what it is about fits into the window.
"""

import argparse
import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import bpy

ROOT = Path(__file__).resolve().parent.parent
MODULE = "bl_ext.user_default.maquette"
CHAPTERS = ("install", "backend", "create", "sharpen", "cancel", "avatar", "refine", "crowd", "asset")
SIZE = (1280, 720)
GENERATE, ASSET = (900, 455), (304, 515)
"""Pixels of the button and of the first asset, from the top left of a window of that size."""
TICK = 0.2
WANTED = ".wanted"
LIMIT_SECONDS = 1500.0
"""Of one chapter: a busy machine takes its time."""
COLOURS = 256
"""Of a stored picture: a third of the bytes, and nothing that one sees."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", default="blender", help="the program, with arguments before ours if need be")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "guide")
    parser.add_argument("--only", nargs="+", choices=CHAPTERS, default=CHAPTERS, help="these chapters")
    parser.add_argument("--preset", default="draft", help="of the avatars that are made")
    parser.add_argument(
        "--shooter",
        default="",
        help="command that writes a picture of the screen to the file behind it, where Blender cannot see its own "
        "window (a virtual screen): 'import -display :99 -window root'",
    )
    flags = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from blender_addon import launcher
    from scripts.build_extension import build
    from scripts.test_in_blender import PLATFORMS

    archive = build(PLATFORMS[sys.platform], ROOT / "dist")
    blender = shlex.split(flags.blender)
    with tempfile.TemporaryDirectory(prefix="maquette-") as folder:
        store, shots = Path(folder) / "store", Path(folder) / "shots"
        shots.mkdir()
        order: dict[str, Any] = {
            "outside": bool(flags.shooter),
            "only": flags.only,
            "out": str(shots),
            "preset": flags.preset,
            "root": str(ROOT),
            "work": folder,
        }
        environment = {**os.environ, "BLENDER_USER_RESOURCES": f"{folder}/profile", "MAQUETTE_STATE": str(store)}
        environment["MAQUETTE_PICTURES"] = json.dumps(order)
        install = ["--command", "extension", "install-file", "-r", "user_default", "-e", str(archive)]
        subprocess.run([*blender, *install], env=environment, check=True, stdout=subprocess.DEVNULL)
        backend = launcher.start([sys.executable, "-m", "backend", "serve"], store, device="cpu", folder=ROOT)
        try:
            backend.wait(120)
            # Simulated events are the mouse; a hand on the real one would disturb.
            window = ["--enable-event-simulate", "--window-geometry", "0", "0", *map(str, SIZE)]
            command = [*blender, *window, "--python", str(Path(__file__).resolve())]
            with subprocess.Popen(command, env=environment) as opened:
                while opened.poll() is None:
                    shoot_wanted(shots, flags.shooter)
                    time.sleep(TICK)
        finally:
            backend.stop()
        return stored(shots, flags.out, flags.only)


def shoot_wanted(shots: Path, shooter: str) -> None:
    """Takes the pictures for which Blender waits."""
    for wanted in shots.glob(f"*{WANTED}"):
        subprocess.run([*shlex.split(shooter), str(wanted.with_suffix(".png"))], check=True)
        wanted.unlink()


def stored(shots: Path, out: Path, wanted: list[str]) -> int:
    """Puts the pictures in their place, with fewer colours; status 1 if one is missing."""
    from PIL import Image

    out.mkdir(parents=True, exist_ok=True)
    for name in wanted:
        if not (shots / f"{name}.png").exists():
            print(f"{name}: there is no picture", file=sys.stderr)
            continue
        picture = Image.open(shots / f"{name}.png").convert("RGB").quantize(COLOURS)
        picture.save(out / f"{name}.png", optimize=True)
        print(f"{out / name}.png, {(out / f'{name}.png').stat().st_size >> 10} kB")
    return int(not all((shots / f"{name}.png").exists() for name in wanted))


class Stage:
    """What runs in Blender: its window, its panels, and the chapters."""

    def __init__(self, order: dict[str, Any]) -> None:
        import importlib

        self.order, self.out = order, Path(order["out"])
        self.root, self.work = Path(order["root"]), Path(order["work"])
        self.session = importlib.import_module(f"{MODULE}.session")
        made = (
            *importlib.import_module(f"{MODULE}.panels").CLASSES,
            *importlib.import_module(f"{MODULE}.crowd_panel").CLASSES,
        )
        self.panels = [each for each in made if each.__name__.startswith("MAQUETTE_PT_")]
        self.shown = list(self.panels)

    @property
    def live(self) -> Any:
        return self.session.current()

    def chapters(self) -> Iterator[None]:
        """All that are wanted, in order; yields while Blender has something to do."""
        yield from self.prepare()
        for name in CHAPTERS:
            if name in self.order["only"]:
                print(f"picture of {name}", flush=True)
                yield from getattr(self, name)()
        self.only(*(each.__name__.removeprefix("MAQUETTE_PT_") for each in self.panels))

    def prepare(self) -> Iterator[None]:
        """A quiet window: one 3D view with its sidebar, and nothing in the scene that the guide does not speak of."""
        import bpy

        bpy.context.preferences.system.viewport_aa = "OFF"
        for found in [each for each in bpy.data.objects if each.type == "MESH"]:
            bpy.data.objects.remove(found)
        self.area().spaces.active.show_region_ui = True
        self.area().spaces.active.overlay.show_cursor = False
        yield from self.pause(3)

    def install(self) -> Iterator[None]:
        import bpy

        before = {*bpy.context.window_manager.windows}
        bpy.ops.screen.userpref_show(section="ADDONS")
        window = next(each for each in bpy.context.window_manager.windows if each not in before)
        bpy.context.window_manager.addon_search = "Maquette"
        bpy.ops.preferences.addon_expand(module=MODULE)
        yield from self.pause(3)
        yield from self.shoot("install", window)
        with bpy.context.temp_override(window=window):
            bpy.ops.wm.window_close()
        yield from self.pause(1)

    def backend(self) -> Iterator[None]:
        self.only("backend", "create")
        self.live.connect()
        yield from self.until(lambda: self.live.ready and "idle" in str(self.live.client.welcome.capabilities))
        yield from self.pause(2)
        yield from self.shoot("backend")

    def create(self) -> Iterator[None]:
        import bpy

        self.only("create", "queue")
        yield from self.connected()
        settings = bpy.context.scene.maquette
        settings.source, settings.preset = "PORTRAIT", self.order["preset"]
        settings.portrait = str(self.root / "assets" / "portraits" / "hopper.jpg")
        yield from self.pause(2)
        yield from self.shoot("create")

    def sharpen(self) -> Iterator[None]:
        """A portrait under way, asked for by the mouse; its picture in the queue, another job behind it."""
        import bpy

        yield from self.connected()
        self.only("create", "queue")
        settings = bpy.context.scene.maquette
        settings.source, settings.preset = "PORTRAIT", self.order["preset"]
        settings.portrait = str(self.root / "assets" / "portraits" / "hopper.jpg")
        settings.seed = 1
        yield from self.pause(2)
        yield from self.click(*GENERATE)
        yield from self.until(lambda: len(self.live.avatars) == 1, 60)
        self.only("queue")
        bpy.ops.maquette.generate("INVOKE_DEFAULT", sentence="an old woman with short grey hair", seed=3)
        yield from self.until(lambda: any(each.shape is not None for each in self.live.avatars.values()))
        self.face(0.55)
        yield from self.pause(1)
        yield from self.shoot("sharpen")

    def cancel(self) -> Iterator[None]:
        import bpy

        yield from self.connected()
        self.only("queue")
        settings = bpy.context.scene.maquette
        settings.preset = self.order["preset"]
        bpy.ops.maquette.generate("INVOKE_DEFAULT", sentence="a young man with a beard", seed=5)
        yield from self.pause(2)
        last = list(self.live.avatars)[-1]
        bpy.ops.maquette.cancel(job=last)
        yield from self.until(lambda: self.live.avatars[last].job.phase.over)
        yield from self.pause(1)
        yield from self.shoot("cancel")

    def avatar(self) -> Iterator[None]:
        yield from self.connected()
        self.only("avatar")
        yield from self.finished()
        self.face(0.42)
        yield from self.pause(2)
        yield from self.shoot("avatar")

    def refine(self) -> Iterator[None]:
        """Suzanne before she gets skin."""
        import bpy

        yield from self.connected()
        yield from self.quiet()
        self.only("refine", "refine_more")
        bpy.ops.mesh.primitive_monkey_add(size=0.3, location=(-1.5, 0, 0.2))
        suzanne = bpy.context.object
        bpy.ops.object.shade_smooth()
        bpy.context.scene.maquette_refine.portrait = str(self.root / "assets" / "portraits" / "hopper.jpg")
        self.look(tuple(suzanne.location), 0.9, 8, 15)
        yield from self.pause(2)
        yield from self.shoot("refine")
        bpy.data.objects.remove(suzanne)

    def crowd(self) -> Iterator[None]:
        import bpy

        yield from self.connected()
        yield from self.quiet()
        self.only("crowd")
        bpy.ops.mesh.primitive_grid_add(x_subdivisions=60, y_subdivisions=60, size=7, location=(6, 0, 0))
        ground = bpy.context.object
        ground.name = "Ground"
        for vertex in ground.data.vertices:
            vertex.co.z = 0.25 * math.sin(1.3 * vertex.co.x) * math.cos(vertex.co.y)
        ground.data.update()
        settings = bpy.context.scene.maquette_crowd
        settings.layout, settings.count, settings.distinct, settings.first_seed = "surface", 40, 3, 1
        settings.preset = self.order["preset"]
        bpy.ops.maquette.populate("INVOKE_DEFAULT")
        run = sys.modules[f"{MODULE}.crowd_run"]
        yield from self.until(lambda: run.current() is None or run.current().over)
        self.look((6, 0, 0.2), 5.5, 25, 20)
        yield from self.pause(2)
        yield from self.shoot("crowd")

    def asset(self) -> Iterator[None]:
        import bpy

        yield from self.connected()
        yield from self.finished()
        bpy.ops.wm.save_as_mainfile(filepath=str(self.work / "avatars.blend"))
        bpy.ops.maquette.mark_asset()
        bpy.ops.wm.save_mainfile()
        self.only("avatar")
        self.face(0.6)
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=self.area()):
            bpy.ops.screen.area_split(direction="HORIZONTAL", factor=0.34)
        lower = min((each for each in self.areas() if each.type == "VIEW_3D"), key=lambda each: each.y)
        lower.ui_type = "ASSETS"
        yield from self.pause(4)
        before = len(bpy.context.scene.objects)
        yield from self.drag(ASSET, (230, 330))
        yield from self.until(lambda: len(bpy.context.scene.objects) > before, 60)
        yield from self.pause(2)
        yield from self.shoot("asset")

    def connected(self) -> Iterator[None]:
        if self.live.client is None:
            self.live.connect()
        yield from self.until(lambda: self.live.ready)

    def quiet(self) -> Iterator[None]:
        """Until nothing is under way."""
        yield from self.until(lambda: all(each.job.phase.over for each in self.live.avatars.values()))

    def finished(self) -> Iterator[None]:
        """Until there is an avatar, which is selected."""
        import bpy

        yield from self.quiet()
        done = sorted(
            (each for each in bpy.data.objects if "maquette_recipe" in each), key=lambda each: each.location.x
        )
        if not done:
            bpy.ops.maquette.generate("INVOKE_DEFAULT", seed=1, preset=self.order["preset"])
            yield from self.quiet()
            done = [each for each in bpy.data.objects if "maquette_recipe" in each]
        for each in bpy.context.view_layer.objects:
            each.select_set(each == done[0])
        bpy.context.view_layer.objects.active = done[0]

    def areas(self) -> list["bpy.types.Area"]:
        import bpy

        return list(bpy.context.window_manager.windows[0].screen.areas)

    def area(self) -> "bpy.types.Area":
        """The 3D view."""
        views = [area for area in self.areas() if area.type == "VIEW_3D"]
        return max(views, key=lambda area: area.width * area.height)

    def only(self, *names: str) -> None:
        """The tab with these panels, open, in this order."""
        import bpy

        for each in reversed(self.shown):
            bpy.utils.unregister_class(each)
        by_name = {each.__name__.removeprefix("MAQUETTE_PT_"): each for each in self.panels}
        self.shown = [by_name[name] for name in names]
        for place, each in enumerate(self.shown):
            each.bl_options, each.bl_order = set(), place
            bpy.utils.register_class(each)
        region = next(each for each in self.area().regions if each.type == "UI")
        region.active_panel_category = "Maquette"

    def face(self, distance: float) -> None:
        """The view turns to the selected avatar, or to any."""
        import bpy

        found = next((each for each in bpy.context.selected_objects if "maquette_job" in each), None)
        found = found or next((each for each in bpy.data.objects if "maquette_job" in each), None)
        if found is not None:
            middle = found.location + (found.matrix_world.to_3x3() @ _middle(found))
            self.look(tuple(middle), distance, 8, 15)

    def look(self, at: Any, distance: float, down: float, around: float) -> None:
        """The view from in front, so many degrees from above and from the side."""
        from mathutils import Euler

        view = self.area().spaces.active
        view.shading.type, view.shading.color_type, view.shading.show_specular_highlight = "SOLID", "TEXTURE", False
        region = view.region_3d
        region.view_perspective, region.view_location, region.view_distance = "PERSP", at, distance
        region.view_rotation = Euler((math.radians(90 - down), 0, math.radians(around))).to_quaternion()

    def shoot(self, name: str, window: Any = None) -> Iterator[None]:
        """A picture of the window as it is drawn now."""
        import bpy

        window = window or bpy.context.window_manager.windows[0]
        for area in window.screen.areas:
            area.tag_redraw()
        yield from self.pause(1)
        if self.order["outside"]:
            wanted = self.out / f"{name}{WANTED}"
            wanted.touch()
            yield from self.until(lambda: not wanted.exists())
            return
        with bpy.context.temp_override(window=window):
            bpy.ops.screen.screenshot(filepath=str(self.out / f"{name}.png"), check_existing=False)
        yield

    def mouse(self, x: int, y: int, kind: str = "MOUSEMOVE", value: str = "NOTHING") -> None:
        """What the mouse does at this pixel, counted from the window's top left."""
        import bpy

        window = bpy.context.window_manager.windows[0]
        window.event_simulate(type=kind, value=value, x=x, y=SIZE[1] - y)

    def click(self, x: int, y: int) -> Iterator[None]:
        self.mouse(x, y)
        yield from self.pause(0.5)
        self.mouse(x, y, "LEFTMOUSE", "PRESS")
        yield from self.pause(0.3)
        self.mouse(x, y, "LEFTMOUSE", "RELEASE")
        yield from self.pause(0.5)

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> Iterator[None]:
        """From one place to the other with the button held, slowly enough to be seen as a drag."""
        self.mouse(*start)
        yield from self.pause(0.5)
        self.mouse(*start, "LEFTMOUSE", "PRESS")
        for step in range(1, 11):
            yield from self.pause(0.2)
            x, y = (round(a + (b - a) * step / 10) for a, b in zip(start, end, strict=True))
            self.mouse(x, y)
        yield from self.pause(0.5)
        self.mouse(*end, "LEFTMOUSE", "RELEASE")
        yield from self.pause(0.5)

    def pause(self, seconds: float) -> Iterator[None]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            yield

    def until(self, there: Callable[[], bool], seconds: float = LIMIT_SECONDS) -> Iterator[None]:
        end = time.monotonic() + seconds
        while not there():
            if time.monotonic() > end:
                raise TimeoutError("what the guide waits for does not come")
            yield


def _middle(found: "bpy.types.Object") -> Any:
    """Of its bounding box, a little above: the face."""
    from mathutils import Vector

    corners = [Vector(corner) for corner in found.bound_box]
    low, high = min(each.z for each in corners), max(each.z for each in corners)
    return Vector((0, 0, low + 0.62 * (high - low)))


def inside() -> None:
    """What Blender runs: the chapters on a timer, between which it draws."""
    import bpy

    bpy.context.preferences.view.show_splash = False  # or it is there before the first tick
    steps = Stage(json.loads(os.environ["MAQUETTE_PICTURES"])).chapters()

    def tick() -> float | None:
        try:
            next(steps)
        except StopIteration:
            bpy.ops.wm.quit_blender()
            return None
        except Exception:
            import traceback

            traceback.print_exc()
            os._exit(1)  # a window that nobody watches would stay for ever
        return TICK

    bpy.app.timers.register(tick, first_interval=2.0)


if __name__ == "__main__":
    if "bpy" in sys.modules:
        inside()
    else:
        sys.exit(main())
