# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel of jobs: those of this Blender in the order in which they are done, then those that are over."""

import bpy

from .. import queue, session, wording
from ..jobs import Phase
from ..translations import translated
from .drawing import Tab, sentence, trouble


class MAQUETTE_PT_queue(Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_queue"
    bl_label = "Queue"

    def draw(self, context: bpy.types.Context) -> None:
        live, column = session.current(), self.layout.column()
        order = queue.waiting(live.avatars)
        if not order:
            column.label(text="Nothing is being generated", icon="INFO")
            return
        under_way = [key for key in order if not live.avatars[key].job.phase.over]
        over = order[len(under_way) :]
        for key in under_way:
            _draw_under_way(column.box().column(), live, live.avatars[key])
        if len(under_way) > 1:
            column.operator("maquette.cancel", text="Cancel All", icon="CANCEL").job = ""
        for key in over:
            _draw_over(column.box().column(), context, live, live.avatars[key])
        if len(over) > 1:
            column.operator("maquette.clear_queue", icon="TRASH")


def _draw_under_way(column: bpy.types.UILayout, live: session.Session, work: session.Avatar) -> None:
    job = work.job
    row = column.row(align=True)
    learns = work.request is not None and work.request.kind == "adapt"
    row.label(text=work.name, icon="BRUSHES_ALL" if learns else "USER", translate=False)
    if job.phase is Phase.QUEUED and live.can("Move"):
        for step, icon in ((-1, "TRIA_UP"), (1, "TRIA_DOWN")):
            button = row.operator("maquette.move_job", text="", icon=icon)
            button.job, button.step = job.job_id, step
    if job.preview is not None and live.pictures is not None:
        column.template_icon(live.pictures.show(job.job_id, job.preview), scale=8.0)
    column.progress(factor=job.fraction, text=translated(wording.progress(job, live.ready)))
    row = column.row()
    row.enabled = job.phase is not Phase.CANCELLING
    row.operator("maquette.cancel", icon="CANCEL").job = job.job_id
    # Below, where it moves nothing under the pointer when it appears.
    if work.shape is not None:
        column.operator("maquette.look_at", icon="HIDE_OFF").job = job.job_id


def _draw_over(
    column: bpy.types.UILayout, context: bpy.types.Context, live: session.Session, work: session.Avatar
) -> None:
    job = work.job
    row = column.row()
    row.label(text=work.name, icon="CHECKMARK" if job.phase is Phase.DONE else "USER", translate=False)
    row.operator("maquette.dismiss", text="", icon="X", emboss=False).job = job.job_id
    if job.phase is Phase.DONE:
        if work.stands:
            column.operator("maquette.look_at", icon="HIDE_OFF").job = job.job_id
        else:
            column.label(text="Undone or deleted")
            column.operator("maquette.fetch", text="Bring It Back", icon="IMPORT").job = job.job_id
        for note in wording.notes_of(job.recipe):
            sentence(column, context, note, "INFO")
    elif job.phase is Phase.CANCELLED:
        column.label(text="Cancelled; what had arrived stays" if work.shape else "Cancelled")
        if work.request is not None:
            column.operator("maquette.retry", icon="FILE_REFRESH").job = job.job_id
    else:
        preset = work.request.preset if work.request is not None else ""
        if work.request is not None and work.request.kind == "adapt":
            preset = "draft"  # a coarser first head would not make learning any easier
        trouble(column, context, (job.code, job.message, job.hint), job.job_id, work.request is not None, preset)


CLASSES = (MAQUETTE_PT_queue,)
