# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel of what the backend keeps: avatars of other files, of a closed Blender, of the command line."""

import bpy

from .. import session, shelf, wording
from ..scene import tags
from ..translations import translated
from .drawing import Tab, sentence

SHOWN = 12


class MAQUETTE_PT_library(Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_library"
    bl_label = "Library"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        live, column = session.current(), self.layout.column()
        if not live.ready:
            column.label(text="Start or connect to a backend first", icon="INFO")
            return
        if not live.can("ListJobs"):
            sentence(column, context, "This backend is too old to list what it keeps; update it.", "INFO")
            return
        shown = [each for each in live.stored if each.state in ("queued", "running", "done")]
        shown = [each for each in shown if each.job_id not in live.avatars or not each.under_way]
        for each in shown[:SHOWN]:
            _draw_stored(column.box().row(align=True), each)
        if not shown:
            column.label(text="The backend keeps no results yet", icon="INFO")
        row = column.row(align=True)
        row.operator("maquette.list_stored", icon="FILE_REFRESH")
        if len(shown) > SHOWN:
            row.label(text=translated(wording.more(len(shown) - SHOWN)), translate=False)


def _draw_stored(row: bpy.types.UILayout, each: shelf.Stored) -> None:
    here = tags.find_object(each.job_id) is not None
    words = row.column(align=True)
    words.scale_y = 0.8
    words.label(text=each.name, icon="CHECKMARK" if here else "USER", translate=False)
    said = wording.capitalised(each.preset) if each.state == "done" else wording.capitalised(each.state)
    words.label(text=translated(f"{said}, {shelf.age(each.created)}"), icon="BLANK1", translate=False)
    if here:
        row.operator("maquette.look_at", text="", icon="HIDE_OFF").job = each.job_id
    else:
        row.operator("maquette.fetch", text="", icon="IMPORT").job = each.job_id
    if not each.under_way:
        row.operator("maquette.discard", text="", icon="TRASH").job = each.job_id


CLASSES = (MAQUETTE_PT_library,)
