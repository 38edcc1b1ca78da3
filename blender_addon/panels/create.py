# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel of the next avatar: what it is made from, and how fine."""

import bpy

from .. import session, shelf, wording
from ..properties import weights
from ..requests import Wanted, can_make, generators, unfit_generator, unfit_imagination
from ..translations import translated
from .drawing import Tab, sentence
from .styles import draw_generator


class MAQUETTE_PT_create(Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_create"
    bl_label = "Create"

    def draw(self, context: bpy.types.Context) -> None:
        live, settings = session.current(), context.scene.maquette
        column = self.layout.column()
        column.use_property_decorate = False
        welcome = live.client.welcome if live.client else None
        _draw_sources(column, settings, can_make(welcome, "sentence"))
        uses = Wanted(settings.source, "", 0, "", weights=weights(settings)).uses
        if settings.source in ("PORTRAIT", "MIX"):
            _draw_portrait(column, settings, live)
        if settings.source in ("SENTENCE", "MIX"):
            column.prop(settings, "sentence", text="", placeholder="An old woman with short grey hair")
        imagined = settings.source == "SENTENCE" and settings.imagine
        if settings.source == "SENTENCE" and shelf.makes(welcome, "imagine"):
            column.prop(settings, "imagine")
        if settings.source == "MIX":
            _draw_weights(column, settings)
        if "portrait" in uses and shelf.has_option(welcome, "invert"):
            column.prop(settings, "refine")
        row = column.row(align=True)
        row.prop(settings, "seed")
        row.operator("maquette.new_seed", text="", icon="FILE_REFRESH")
        column.prop(settings, "preset")
        if shelf.has_option(welcome, "levels"):
            column.prop(settings, "levels")
        if len(generators(welcome)) > 1 or settings.synthesizer:
            draw_generator(column, settings.synthesizer)
        _draw_numbers(column, settings, live)
        reason = wording.why_not(live.ready, uses, settings.portrait, settings.sentence)
        if not reason and imagined:
            reason = unfit_imagination(settings.synthesizer, welcome)
        elif not reason:
            reason = unfit_generator(settings.synthesizer, uses, welcome)
        row = column.row()
        row.scale_y = 1.5
        row.enabled = not reason
        row.operator("maquette.generate", icon="USER")
        if reason:
            sentence(column, context, reason, "INFO")


def _draw_sources(column: bpy.types.UILayout, settings: bpy.types.PropertyGroup, sentences: bool) -> None:
    """Two rows of two; what this backend cannot do is greyed out."""
    grid = column.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
    for name in ("PORTRAIT", "SENTENCE", "SEED", "MIX"):
        cell = grid.row(align=True)
        cell.enabled = sentences or name in ("PORTRAIT", "SEED")
        cell.prop_enum(settings, "source", name)


def _draw_weights(column: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    """How much each counts; a weight of 0 leaves its source out."""
    weights = column.column(align=True)
    weights.label(text="Weights in the mix")
    for name in ("portrait_weight", "sentence_weight", "seed_weight"):
        weights.prop(settings, name, slider=True)


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
    kind = "imagine" if settings.imagine and settings.source == "SENTENCE" else "avatar"
    if expected := shelf.expected_seconds(live.stored, settings.preset, kind):
        said.append(wording.duration(expected))
    lines = column.column(align=True)
    lines.scale_y = 0.8
    lines.active = False
    for start in range(0, len(said), 2):
        lines.label(text=translated(", ".join(said[start : start + 2])), icon="BLANK1", translate=False)


CLASSES = (MAQUETTE_PT_create,)
