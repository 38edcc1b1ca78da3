# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel of a head of the user's own: what its texture is to become, where, and onto what."""

import bpy

from .. import session, shelf
from .drawing import Tab, sentence


class MAQUETTE_PT_refine(Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_refine"
    bl_label = "Refine a Head"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        live, settings, found = session.current(), context.scene.maquette_refine, context.object
        column = self.layout.column()
        column.use_property_decorate = False
        if found is None or found.type != "MESH":
            column.label(text="Select the mesh of a head", icon="INFO")
            return
        welcome = live.client.welcome if live.client else None
        if live.ready and not shelf.makes(welcome, "refine"):
            sentence(column, context, "This backend is too old to refine heads; update it", "INFO")
            return
        column.label(text=found.name, icon="MESH_DATA", translate=False)
        row = column.row(align=True)
        row.prop(settings, "portrait", text="", placeholder="Photograph of a face")
        row.operator("maquette.pick_reference", text="", icon="FILEBROWSER")
        column.prop(settings, "prompt", text="", placeholder="An old man with freckles")
        column.prop(settings, "strength", slider=True)
        column.prop(settings, "size")
        _draw_where(column, settings, found)
        column.prop(settings, "layout")
        row = column.row()
        row.scale_y = 1.5
        row.enabled = live.ready and not _why_not(settings)
        row.operator("maquette.refine", icon="BRUSH_DATA")
        if reason := "Start or connect to a backend first" if not live.ready else _why_not(settings):
            column.label(text=reason, icon="INFO")


class MAQUETTE_PT_refine_more(Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_refine_more"
    bl_parent_id = "MAQUETTE_PT_refine"
    bl_label = "More"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        settings, column = context.scene.maquette_refine, self.layout.column()
        column.use_property_decorate = False
        column.prop(settings, "refiner")
        column.prop(settings, "negative", text="", placeholder="What must not appear")
        column.prop(settings, "views")
        column.prop(settings, "seed")
        column.prop(settings, "assign")
        row = column.row(align=True)
        row.prop(settings, "up")
        row.prop(settings, "front", text="Front")


def _draw_where(column: bpy.types.UILayout, settings: bpy.types.PropertyGroup, found: bpy.types.Object) -> None:
    column.prop(settings, "mask")
    if settings.mask == "GROUP":
        column.prop_search(settings, "group", found, "vertex_groups", text="")
    elif settings.mask == "IMAGE":
        column.template_ID(settings, "image", open="image.open")
    if len(found.material_slots) > 1:
        column.prop(settings, "slot_only")


def _why_not(settings: bpy.types.PropertyGroup) -> str:
    if settings.refiner == "reproject" and not settings.portrait:
        return "Choose a portrait first"
    if settings.mask == "GROUP" and not settings.group:
        return "Choose a vertex group first"
    if settings.mask == "IMAGE" and settings.image is None:
        return "Choose a mask first"
    return ""


CLASSES = (MAQUETTE_PT_refine, MAQUETTE_PT_refine_more)
