# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel of the selected avatar: how it was made, and what can be made of it."""

import bpy

from .. import session, shelf, wording
from ..operators.change import changeable
from ..scene import tags
from ..translations import translated
from .drawing import Tab, sentence


class MAQUETTE_PT_avatar(Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_avatar"
    bl_label = "Selected Avatar"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.object is not None and tags.RECIPE in context.object

    def draw(self, context: bpy.types.Context) -> None:
        recipe = tags.recipe_of(context.object) or {}
        column = self.layout.column(align=True)
        for label, value in (
            ("Made from", wording.made_from(recipe)),
            ("Quality", wording.capitalised(str(recipe.get("preset", "")))),
            ("Model", str(recipe.get("model", {}).get("name", ""))),
            ("Took", wording.took(recipe)),
        ):
            if value:
                row = column.split(factor=0.35)
                row.label(text=label)
                row.label(text=translated(value), translate=False)
        column = self.layout.column(align=True)
        row = column.row(align=True)
        row.operator("maquette.look_at", icon="HIDE_OFF")
        row.operator("maquette.reuse", icon="LOOP_BACK")
        row = column.row(align=True)
        row.operator("maquette.regenerate", icon="FILE_REFRESH")
        row.operator("maquette.vary", icon="MOD_NOISE")
        row = column.row(align=True)
        row.operator("maquette.quads", text="To Quads", icon="MOD_REMESH")
        row.operator("maquette.mark_asset", icon="ASSET_MANAGER")
        for note in wording.notes_of(recipe):
            sentence(self.layout.column(), context, note, "INFO")
        _draw_changes(self.layout.column(), context)


def _draw_changes(column: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """A sentence that changes the avatar, and the blend with others that are selected."""
    live, settings = session.current(), context.scene.maquette
    avatars = changeable(context)
    column.use_property_decorate = False
    if not tags.source_of(context.object):
        sentence(column, context, "Generate it again to edit or blend it", "INFO")
        return
    if live.ready and live.client is not None and not shelf.makes(live.client.welcome, "edit"):
        sentence(column, context, "This backend cannot edit or blend; update it", "INFO")
        return
    if not live.ready:
        sentence(column, context, "Start or connect to a backend first", "INFO")
    box = column.box().column()
    box.prop(settings, "edit", text="", placeholder="Add a beard", icon="TEXT")
    box.prop(settings, "strength", slider=True)
    row = box.row()
    row.enabled = live.ready and bool(settings.edit.strip())
    row.operator("maquette.edit", icon="MODIFIER")
    if live.ready and not settings.edit.strip():
        box.label(text="Say what to change first", icon="INFO")
    box = column.box().column()
    if len(avatars) < 2:
        box.label(text="Select a second avatar to blend", icon="INFO")
        return
    names = box.column(align=True)
    names.scale_y = 0.8
    for number, each in enumerate(avatars):
        names.label(text=each.name, icon="BLANK1" if number else "USER", translate=False)
    box.prop(settings, "blend", slider=True)
    row = box.row()
    row.enabled = live.ready
    row.operator("maquette.blend", icon="ARROW_LEFTRIGHT")


CLASSES = (MAQUETTE_PT_avatar,)
