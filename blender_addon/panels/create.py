# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel of the next avatar: what it is made from, and how fine."""

import bpy

from .. import session, shelf, wording
from .drawing import Tab


class MAQUETTE_PT_create(Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_create"
    bl_label = "Create"

    def draw(self, context: bpy.types.Context) -> None:
        live, settings = session.current(), context.scene.maquette
        column = self.layout.column()
        column.use_property_decorate = False
        column.row().prop(settings, "source", expand=True)
        if settings.source == "PORTRAIT":
            _draw_portrait(column, settings, live)
        row = column.row(align=True)
        row.prop(settings, "seed")
        row.operator("maquette.new_seed", text="", icon="FILE_REFRESH")
        column.prop(settings, "preset")
        _draw_numbers(column, settings, live)
        reason = wording.why_not(live.ready, settings.source, settings.portrait)
        row = column.row()
        row.scale_y = 1.5
        row.enabled = not reason
        row.operator("maquette.generate", icon="USER")
        if reason:
            column.label(text=reason, icon="INFO")


def _draw_portrait(column: bpy.types.UILayout, settings: bpy.types.PropertyGroup, live: session.Session) -> None:
    row = column.row(align=True)
    row.prop(settings, "portrait", text="", placeholder="Photograph of a face")
    row.operator("maquette.pick_portrait", text="", icon="FILEBROWSER")
    if settings.portrait and live.pictures is not None:
        icon = live.pictures.load(bpy.path.abspath(settings.portrait))
        if icon:
            column.template_icon(icon, scale=6.0)
        else:
            column.label(text="There is no such file", icon="ERROR")


def _draw_numbers(column: bpy.types.UILayout, settings: bpy.types.PropertyGroup, live: session.Session) -> None:
    """What the chosen quality sets, as this backend says."""
    said = shelf.preset_words(live.client.welcome if live.client else None, settings.preset)
    if expected := shelf.expected_seconds(live.stored, settings.preset):
        said.append(wording.duration(expected))
    lines = column.column(align=True)
    lines.scale_y = 0.8
    lines.active = False
    for start in range(0, len(said), 2):
        lines.label(text=", ".join(said[start : start + 2]), icon="BLANK1", translate=False)


CLASSES = (MAQUETTE_PT_create,)
