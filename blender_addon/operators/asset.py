# SPDX-License-Identifier: GPL-3.0-or-later
"""Avatars as assets: marked, with a picture, in a catalog, so that they can be dragged from the asset browser."""

import bpy

from ..scene import asset, tags
from .telling import refused, tell


class MAQUETTE_OT_mark_asset(bpy.types.Operator):
    """Mark this avatar as an asset with a preview, in the catalog Avatars; drag it from the asset browser then"""

    bl_idname = "maquette.mark_asset"
    bl_label = "Mark as Asset"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.object is None or tags.RECIPE not in context.object:
            return refused(cls, "The active object is no avatar.")
        if context.object.asset_data is not None:
            return refused(cls, "This avatar is an asset already.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        avatar = context.object
        asset.mark(avatar, tags.recipe_of(avatar) or {})
        asset.note_catalog()
        if not bpy.data.filepath:
            tell(self, "INFO", "Save the file to give its catalog a place; the asset itself is marked.")
        return {"FINISHED"}


CLASSES = (MAQUETTE_OT_mark_asset,)
