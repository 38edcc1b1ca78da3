# SPDX-License-Identifier: GPL-3.0-or-later
"""Maquette in Blender: a panel that asks a backend for heads and puts them into the scene.

Nothing here loads Blender, numpy or pyzmq until `register()` runs, so that the backend can import `protocol`.

    import blender_addon                                     # outside Blender's extensions: with bpy from a script
    blender_addon.register()
    bpy.ops.maquette.start_backend()                         # waits until it answers, where there is no window
    bpy.ops.maquette.generate(portrait="me.jpg", preset="draft")   # waits until the avatar stands in the scene
    blender_addon.unregister()                               # stops the backend that was started here
"""

import atexit
import importlib.util
from typing import Any


def register() -> None:
    """Makes classes and properties known and starts the session; Blender calls it when the add-on is switched on."""
    if importlib.util.find_spec("numpy") is None:
        raise ImportError("Maquette needs numpy, which this Blender lacks; use a Blender from blender.org.")
    from . import session

    for module in _modules():
        module.register()
    session.start()
    # A script that ends, or fails, without unregister(): no backend stays behind, and bpy, which hangs at exit while
    # operators of Python are registered, ends.
    atexit.register(unregister)


def unregister() -> None:
    """Undoes all of `register`, in reverse."""
    atexit.unregister(unregister)
    from . import crowd_run, session

    crowd_run.stop()
    session.stop()
    for module in reversed(_modules()):
        module.unregister()


def _modules() -> tuple[Any, ...]:
    """All that add something to Blender, in order."""
    from . import (
        crowd_panel,
        operators,
        panels,
        preferences,
        properties,
        refine_properties,
        style_properties,
        translations,
    )

    properties_first = (preferences, properties, refine_properties, style_properties)
    return (translations, *properties_first, operators, panels, crowd_panel)
