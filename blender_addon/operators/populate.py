# SPDX-License-Identifier: GPL-3.0-or-later
"""A crowd from the panel's settings or from a specification file, and its end."""

# mypy: disable-error-code="valid-type"

import sys
from pathlib import Path

import bpy

from .. import crowd_properties, crowd_run, crowd_scene, session, wording
from ..crowd.gather import Told
from ..crowd.rules import SpecError
from ..crowd.spec import read_spec
from ..launcher import LaunchError
from ..protocol import ProtocolError
from ..scene.layout import LayoutError
from .telling import refused, tell


class MAQUETTE_OT_populate(bpy.types.Operator):
    """Fill the scene with people: a few distinct ones are made, everyone else shares their meshes"""

    bl_idname = "maquette.populate"
    bl_label = "Populate"

    spec: bpy.props.StringProperty(
        name="Specification",
        description="JSON file that describes the crowd, as for `maquette populate`; empty: the panel's settings",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    wait: bpy.props.BoolProperty(
        name="Wait",
        description="Return when everyone stands there; always so where there is no window",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if crowd_run.under_way():
            return refused(cls, "A crowd is being made already.")
        # Without a window the operator connects by itself.
        if not bpy.app.background and not session.current().ready:
            return refused(cls, "Start or connect to a backend first.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        live, blocking = session.current(), self.wait or bpy.app.background
        try:
            spec = read_spec(Path(bpy.path.abspath(self.spec))) if self.spec else crowd_properties.spec_from(context)
            crowd_scene.check(context.scene, spec)
            if bpy.app.background and not live.ready:
                if live.client is None:
                    live.connect()
                live.wait_ready(session.LAUNCH_SECONDS)
            run = crowd_run.begin(context.scene, spec, blocking=blocking)
        except (SpecError, LayoutError, LaunchError) as error:
            message = wording.capitalised(error.message).rstrip(".")
            tell(self, "ERROR", f"{message}. {error.hint}".strip())
            return {"CANCELLED"}
        except ProtocolError as error:
            tell(self, "ERROR", str(error))
            return {"CANCELLED"}
        if not blocking:
            return {"FINISHED"}
        crowd_run.wait(run, _Line().say)
        if run.crowd is None:
            tell(self, "ERROR", f"{wording.capitalised(run.message).rstrip('.')}. {run.hint}".strip())
            return {"CANCELLED"}
        tell(self, "INFO", f"{run.total} people stand in {run.crowd.collection}.")
        return {"FINISHED"}


class MAQUETTE_OT_cancel_crowd(bpy.types.Operator):
    """Stop making the crowd; people who are finished are kept, and the next crowd uses them"""

    bl_idname = "maquette.cancel_crowd"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not crowd_run.under_way():
            return refused(cls, "No crowd is being made.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        run = crowd_run.current()
        if run is not None:
            run.cancel()
        return {"FINISHED"}


class MAQUETTE_OT_dismiss_crowd(bpy.types.Operator):
    """Take this message away"""

    bl_idname = "maquette.dismiss_crowd"
    bl_label = "Dismiss"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    def execute(self, context: bpy.types.Context) -> set[str]:
        crowd_run.dismiss()
        return {"FINISHED"}


class _Line:
    """A plain line for each stage, where there is no panel."""

    def __init__(self) -> None:
        self._last = ""

    def say(self, told: Told) -> None:
        line = told.words.rstrip(".")
        if line != self._last:
            self._last = line
            sys.stdout.write(f"maquette: {told.fraction:4.0%} {line}\n")
            sys.stdout.flush()


CLASSES = (MAQUETTE_OT_populate, MAQUETTE_OT_cancel_crowd, MAQUETTE_OT_dismiss_crowd)
