# SPDX-License-Identifier: GPL-3.0-or-later
"""The Crowd sub-panel: who, where, how different, and how far it is."""

import bpy

from . import crowd_properties, crowd_run, session, wording
from .operators import populate
from .panels.drawing import Tab, sentence
from .panels.styles import draw_generator
from .requests import generators
from .translations import translated


class MAQUETTE_PT_crowd(Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_crowd"
    bl_label = "Crowd"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.maquette_crowd
        column = self.layout.column()
        column.use_property_decorate = False
        _draw_people(column, settings)
        column.separator()
        _draw_places(column, context, settings)
        column.separator()
        _draw_variation(column, settings)
        column.separator()
        _draw_run(column, context)


def _draw_people(column: bpy.types.UILayout, settings: crowd_properties.MAQUETTE_PG_crowd) -> None:
    column.row().prop(settings, "source", expand=True)
    if settings.source == "SEEDS":
        row = column.row(align=True)
        row.prop(settings, "distinct")
        row.prop(settings, "first_seed")
    elif settings.source == "SENTENCES":
        column.prop(settings, "sentences", text="", placeholder="Descriptions, separated by semicolons")
        column.prop(settings, "distinct")
    else:
        column.prop(settings, "folder", text="", placeholder="Folder of photographs")
    column.prop(settings, "preset")
    client = session.current().client
    if settings.generator or len(generators(client.welcome if client else None)) > 1:
        draw_generator(column, settings.generator, "MAQUETTE_MT_crowd_generators")


def _draw_places(
    column: bpy.types.UILayout, context: bpy.types.Context, settings: crowd_properties.MAQUETTE_PG_crowd
) -> None:
    column.prop(settings, "layout")
    if settings.layout in crowd_properties.PLACED_ON:
        found = crowd_properties.placed_on(context)
        column.prop(settings, "target", text="", placeholder=found.name if found else "Object")
    row = column.row(align=True)
    sub = row.row(align=True)
    sub.enabled = settings.layout != "points"  # there are as many as points
    sub.prop(settings, "count")
    row.prop(settings, "spacing")
    column.prop(settings, "facing")
    column.prop(settings, "instances")


def _draw_variation(column: bpy.types.UILayout, settings: crowd_properties.MAQUETTE_PG_crowd) -> None:
    column.label(text="How much people differ")
    grid = column.grid_flow(columns=2, even_columns=True, align=True, row_major=True)
    for name in ("scale", "rotation", "tint", "clothes"):
        grid.prop(settings, name)
    column.prop(settings, "seed")


def _draw_run(column: bpy.types.UILayout, context: bpy.types.Context) -> None:
    run = crowd_run.current()
    if run is not None and not run.over:
        told = run.told
        column.progress(factor=min(told.fraction, 1.0), text=translated(wording.capitalised(told.words)))
        column.operator("maquette.cancel_crowd", icon="CANCEL")
        return
    reason = "" if session.current().ready else "Start or connect to a backend first"
    reason = reason or crowd_properties.why_not(context)
    row = column.row()
    row.scale_y = 1.5
    row.enabled = not reason
    row.operator("maquette.populate", icon="COMMUNITY")
    if reason:
        column.label(text=reason, icon="INFO")
    if run is None:
        return
    box = column.box().column()
    if run.crowd is not None:
        sentence(box, context, f"{run.total} people stand in {run.crowd.collection}.", "CHECKMARK")
    else:
        sentence(box, context, wording.capitalised(run.message), "ERROR")
        sentence(box, context, run.hint)
    box.operator("maquette.dismiss_crowd", icon="X")


CLASSES = (*populate.CLASSES, MAQUETTE_PT_crowd)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    """All that crowds add to Blender: settings, operators, panel."""
    crowd_properties.register()
    _register_classes()


def unregister() -> None:
    """Undoes it, and cancels the crowd under way."""
    crowd_run.stop()
    _unregister_classes()
    crowd_properties.unregister()
