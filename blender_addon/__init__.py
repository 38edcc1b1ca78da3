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


def register() -> None:
    """Makes classes and properties known and starts the session; Blender calls it when the add-on is switched on."""
    if importlib.util.find_spec("numpy") is None:
        raise ImportError("Maquette needs numpy, which this Blender lacks; use a Blender from blender.org.")
    from . import crowd_panel, operators, panels, preferences, properties, refine_properties, session, style_properties

    for module in (preferences, properties, refine_properties, style_properties, operators, panels, crowd_panel):
        module.register()
    session.start()
    # A script that ends, or fails, without unregister(): no backend stays behind, and bpy, which hangs at exit while
    # operators of Python are registered, ends.
    atexit.register(unregister)


def unregister() -> None:
    """Undoes all of `register`, in reverse."""
    atexit.unregister(unregister)
    from . import (
        crowd_panel,
        crowd_run,
        operators,
        panels,
        preferences,
        properties,
        refine_properties,
        session,
        style_properties,
    )

    crowd_run.stop()
    session.stop()
    for module in (crowd_panel, panels, operators, style_properties, refine_properties, properties, preferences):
        module.unregister()
