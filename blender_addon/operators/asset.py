# SPDX-License-Identifier: GPL-3.0-or-later
"""Avatars as assets: marked, with a picture, in a catalog, so that they can be dragged from the asset browser."""

import bpy

from ..scene import asset, tags


class MAQUETTE_OT_mark_asset(bpy.types.Operator):
    """Mark this avatar as an asset with a preview, in the catalog Avatars; drag it from the asset browser then"""

    bl_idname = "maquette.mark_asset"
    bl_label = "Mark as Asset"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.object is None or tags.RECIPE not in context.object:
            cls.poll_message_set("The active object is no avatar.")
            return False
        if context.object.asset_data is not None:
            cls.poll_message_set("This avatar is an asset already.")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        avatar = context.object
        asset.mark(avatar, tags.recipe_of(avatar) or {})
        asset.note_catalog()
        if not bpy.data.filepath:
            self.report({"INFO"}, "Save the file to give its catalog a place; the asset itself is marked.")
        return {"FINISHED"}


CLASSES = (MAQUETTE_OT_mark_asset,)
