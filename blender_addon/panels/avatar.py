# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel of the selected avatar: how it was made, and what can be made of it."""

import bpy

from .. import wording
from ..scene import tags
from .drawing import Tab


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
                row.label(text=value, translate=False)
        column = self.layout.column(align=True)
        row = column.row(align=True)
        row.operator("maquette.look_at", icon="HIDE_OFF")
        row.operator("maquette.reuse", icon="LOOP_BACK")
        row = column.row(align=True)
        row.operator("maquette.regenerate", icon="FILE_REFRESH")
        row.operator("maquette.vary", icon="MOD_NOISE")
        column.operator("maquette.mark_asset", icon="ASSET_MANAGER")


CLASSES = (MAQUETTE_PT_avatar,)
