# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, finding and leaving a backend."""

import bpy

from .. import session
from ..launcher import LaunchError, log_tail
from ..protocol import FreeMemory, ProtocolError, default_store
from .telling import refused, tell

LOG_BLOCK = "Maquette log"


def _reported(operator: bpy.types.Operator, error: LaunchError | ProtocolError) -> set[str]:
    """Tells the user, in the report and in the panel."""
    message = error.message if isinstance(error, LaunchError) else str(error)
    hint = error.hint if isinstance(error, LaunchError) else ""
    session.current().problem = session.Problem(error.code, message, hint)
    tell(operator, "ERROR", f"{message} {hint}".strip())
    return {"CANCELLED"}


class MAQUETTE_OT_start_backend(bpy.types.Operator):
    """Start the backend on this computer, or connect to the one that runs here already"""

    bl_idname = "maquette.start_backend"
    bl_label = "Start Backend"

    def execute(self, context: bpy.types.Context) -> set[str]:
        live = session.current()
        try:
            live.start_backend()
            if bpy.app.background:
                live.wait_ready(session.LAUNCH_SECONDS)
        except (LaunchError, ProtocolError) as error:
            return _reported(self, error)
        return {"FINISHED"}


class MAQUETTE_OT_connect(bpy.types.Operator):
    """Connect to a backend that runs already: the local one, or that of the preferences' connection file"""

    bl_idname = "maquette.connect"
    bl_label = "Connect"

    def execute(self, context: bpy.types.Context) -> set[str]:
        live = session.current()
        try:
            live.connect()
            if bpy.app.background:
                live.wait_ready(session.LAUNCH_SECONDS)
        except (LaunchError, ProtocolError) as error:
            return _reported(self, error)
        return {"FINISHED"}


class MAQUETTE_OT_test_connection(bpy.types.Operator):
    """Find out whether the backend can be reached: no answer, a wrong key and a wrong version are told apart"""

    bl_idname = "maquette.test_connection"
    bl_label = "Test Connection"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if session.current().probe is not None:
            return refused(cls, "A test is under way; its result comes within seconds.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        live = session.current()
        try:
            live.test_connection()
        except ProtocolError as error:
            return _reported(self, error)
        if bpy.app.background and live.probe is not None:
            live.verdict = live.probe.wait()
            live.end_test()
            tell(self, "INFO", f"{live.verdict.sentence} {live.verdict.hint}".strip())
        return {"FINISHED"}


class MAQUETTE_OT_stop_backend(bpy.types.Operator):
    """Leave the backend, and end it if it was started from here; unfinished jobs go on at its next start"""

    bl_idname = "maquette.stop_backend"
    bl_label = "Stop Backend"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        live = session.current()
        if live.client is None and live.launched is None:
            return refused(cls, "There is no connection to a backend.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session.current().stop_backend()
        return {"FINISHED"}


class MAQUETTE_OT_restart_backend(bpy.types.Operator):
    """End the backend that was started here and start it anew; unfinished jobs begin again"""

    bl_idname = "maquette.restart_backend"
    bl_label = "Restart Backend"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if session.current().launched is None:
            return refused(cls, "Only a backend that was started from here can be restarted here.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session.current().stop_backend()
        return MAQUETTE_OT_start_backend.execute(self, context)


class MAQUETTE_OT_free_memory(bpy.types.Operator):
    """Let the backend give back its device's memory, for a render say; the next avatar loads the model again"""

    bl_idname = "maquette.free_memory"
    bl_label = "Free Memory"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        live = session.current()
        if not live.can("FreeMemory"):
            return refused(cls, "There is no connection to a backend that can do this.")
        devices = live.client.welcome.capabilities.get("devices", []) if live.client and live.client.welcome else []
        if not any(each.get("state") == "idle" for each in devices):
            return refused(cls, "No device is idle: cancel what is being generated first, or nothing is loaded.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session.current().ask(FreeMemory())
        return {"FINISHED"}


class MAQUETTE_OT_show_log(bpy.types.Operator):
    """Show the end of the local backend's log, the text block "Maquette log", in a text editor"""

    bl_idname = "maquette.show_log"
    bl_label = "Log"

    def execute(self, context: bpy.types.Context) -> set[str]:
        tail = log_tail(default_store())
        if not tail:
            tell(self, "INFO", f"No backend has written a log in {default_store()} yet.")
            return {"CANCELLED"}
        block = bpy.data.texts.get(LOG_BLOCK) or bpy.data.texts.new(LOG_BLOCK)
        block.clear()
        block.write(tail)
        if not bpy.app.background:
            space = _text_editor(context).spaces.active
            space.text, space.top = block, max(len(block.lines) - space.visible_lines, 0)
        return {"FINISHED"}


def _text_editor(context: bpy.types.Context) -> bpy.types.Area:
    """One that is open, or that of a new window."""
    windows = context.window_manager.windows
    for area in (area for window in windows for area in window.screen.areas):
        if area.type == "TEXT_EDITOR":
            return area
    bpy.ops.wm.window_new()
    (area,) = windows[-1].screen.areas
    area.type = "TEXT_EDITOR"
    return area


class MAQUETTE_OT_show_preferences(bpy.types.Operator):
    """Open this add-on's preferences: where the backend is and how it is started"""

    bl_idname = "maquette.show_preferences"
    bl_label = "Maquette's Preferences"

    def execute(self, context: bpy.types.Context) -> set[str]:
        package = session.__package__
        bpy.ops.preferences.addon_show(module=package)
        return {"FINISHED"}


CLASSES = (
    MAQUETTE_OT_start_backend,
    MAQUETTE_OT_connect,
    MAQUETTE_OT_test_connection,
    MAQUETTE_OT_stop_backend,
    MAQUETTE_OT_restart_backend,
    MAQUETTE_OT_free_memory,
    MAQUETTE_OT_show_log,
    MAQUETTE_OT_show_preferences,
)
