# SPDX-License-Identifier: GPL-3.0-or-later
"""What several panels draw: sentences that wrap, errors with their remedy, and where the tab is."""

import bpy

from .. import session, wording
from ..translations import translated

LETTER = 5.8
"""Mean width of a letter in Blender's font, pixels at a scale of 1."""
FRAME = 95
"""Pixels of a sidebar that boxes, icon and tabs take from a sentence."""


class Tab:
    """Where all panels are."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Maquette"


def sentence(column: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "BLANK1") -> None:
    """The text in as many labels as the sidebar's width asks for; Blender's labels do not wrap."""
    lines = column.column(align=True)
    lines.scale_y = 0.8
    width = (context.region.width / context.preferences.system.ui_scale - FRAME) / LETTER
    for count, line in enumerate(wording.lines(translated(text), max(int(width), 16))):
        lines.label(text=line, icon=icon if count == 0 else "BLANK1", translate=False)


def trouble(
    column: bpy.types.UILayout,
    context: bpy.types.Context,
    error: tuple[str, str, str],
    job_id: str = "",
    may_retry: bool = False,
    preset: str = "",
) -> None:
    """An error (code, message, hint) with what helps against it; the cross of a job stands in its title."""
    code, message, hint = error
    box = column.box().column()
    sentence(box, context, message, "ERROR")
    sentence(box, context, hint)
    row = box.row()
    if remedy := wording.remedy(code, session.current().ready, may_retry, preset):
        button = row.operator(remedy.operator, text=remedy.label, icon=remedy.icon)
        if remedy.preset:
            button.preset = remedy.preset
        if remedy.operator == wording.RETRY:
            button.job = job_id
    row.operator("maquette.copy_text", text="" if remedy else "Copy", icon="COPYDOWN").text = f"{message} {hint}"
    if not job_id:
        row.operator("maquette.dismiss", text="", icon="X")
