# SPDX-License-Identifier: GPL-3.0-or-later
"""Ending jobs, and what one does with their messages."""

# mypy: disable-error-code="valid-type"

import bpy

from .. import session
from .telling import refused


class MAQUETTE_OT_cancel(bpy.types.Operator):
    """Stop this job; what has arrived of its avatar stays"""

    bl_idname = "maquette.cancel"
    bl_label = "Cancel"

    job: bpy.props.StringProperty(
        name="Job", description="Id of the job; empty: all that are under way", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if all(each.job.phase.over for each in session.current().avatars.values()):
            return refused(cls, "Nothing is being generated.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        live = session.current()
        wanted = [self.job] if self.job else list(live.avatars)
        for job_id in wanted:
            if job_id in live.avatars and not live.avatars[job_id].job.phase.over:
                live.cancel(job_id)
                if bpy.app.background:
                    live.wait(job_id, lambda job: None)
        return {"FINISHED"}


class MAQUETTE_OT_dismiss(bpy.types.Operator):
    """Take this off the panel; its avatar stays in the scene"""

    bl_idname = "maquette.dismiss"
    bl_label = "Dismiss"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    job: bpy.props.StringProperty(
        name="Job", description="Id of the job; empty: the backend's problem", options={"SKIP_SAVE"}
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        live = session.current()
        if not self.job:
            live.problem = None
        elif self.job in live.avatars and live.avatars[self.job].job.phase.over:
            live.dismiss(self.job)
        return {"FINISHED"}


class MAQUETTE_OT_copy_text(bpy.types.Operator):
    """Copy this message, to search for it or to send it to someone who can help"""

    bl_idname = "maquette.copy_text"
    bl_label = "Copy Message"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    text: bpy.props.StringProperty(name="Text", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.clipboard = self.text
        return {"FINISHED"}


CLASSES = (MAQUETTE_OT_cancel, MAQUETTE_OT_dismiss, MAQUETTE_OT_copy_text)
