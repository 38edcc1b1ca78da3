# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside bpy: registers the add-on, lets its operators start a backend and generate, stages, renders and saves.

Called by `demo.py`; in an environment with Maquette and bpy also by hand: `demo_scene.py [PORTRAIT [PRESET]]`.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

import blender_addon

ROOT = Path(__file__).resolve().parent.parent
PORTRAIT = ROOT / "assets/portraits/bluford.jpg"
RESULTS = tuple(ROOT / f"demo.{kind}" for kind in ("blend", "glb", "png"))


def main() -> None:
    """The whole demo; a RuntimeError of an operator carries the add-on's own sentence."""
    portrait = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else PORTRAIT
    preset = sys.argv[2] if len(sys.argv) > 2 else "standard"
    start = time.monotonic()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    try:
        from blender_addon.preferences import preferences

        settings = preferences()
        settings.interpreter, settings.folder = sys.executable, str(ROOT)
        print("== backend: starting", flush=True)
        bpy.ops.maquette.start_backend()
        print(f"== avatar from {portrait.name}", flush=True)
        bpy.ops.maquette.generate(portrait=str(portrait), preset=preset)
        avatar = _avatar()
        print(f"== avatar in the scene after {time.monotonic() - start:.0f} s; rendering", flush=True)
        with _quiet():
            _save(avatar)
    finally:
        blender_addon.unregister()
    print(f"== done in {time.monotonic() - start:.0f} s: {', '.join(path.name for path in RESULTS)}", flush=True)


def _avatar() -> bpy.types.Object:
    from blender_addon.scene import tags

    return next(found for found in bpy.data.objects if tags.RECIPE in found)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Blender's hundred lines per render off the terminal; what fails still raises."""
    sys.stdout.flush()
    terminal, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(terminal, 1)
        os.close(terminal)
        os.close(nowhere)


def _save(avatar: bpy.types.Object) -> None:
    from blender_addon.scene import stage

    blend, glb, png = RESULTS
    scene = bpy.context.scene
    stage.set_stage(scene, avatar, azimuth=20)
    stage.render(scene, png, side=768)
    for found in scene.objects:
        found.select_set(found == avatar)
    bpy.ops.export_scene.gltf(filepath=str(glb), use_selection=True, export_extras=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False)


if __name__ == "__main__":
    main()
