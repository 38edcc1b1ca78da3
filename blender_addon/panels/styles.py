# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel of styles: generators that a sentence changed, and the next one; menus that choose generators."""

import bpy

from .. import session, shelf, wording
from ..operators.style import wish_of
from ..requests import generators
from ..styles import NOTHING_TO_CHANGE, TOO_OLD, Style, adaptable, styles, why_no_style
from ..translations import translated
from .drawing import Tab, sentence

OWN = "The backend's own"


class MAQUETTE_PT_styles(Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_styles"
    bl_label = "Styles"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        live, settings, column = session.current(), context.scene.maquette_style, self.layout.column()
        column.use_property_decorate = False
        welcome = live.client.welcome if live.client else None
        for each in styles(welcome):
            _draw_style(column.box().column(align=True), context, each)
        reason = why_no_style(live.ready, welcome, wish_of(context.scene))
        if reason in (TOO_OLD, NOTHING_TO_CHANGE):
            sentence(column, context, reason, "INFO")
            return
        column.prop(settings, "sentence", text="", placeholder="A marble statue", icon="TEXT")
        row = column.row(align=True)
        row.label(text="Keep")
        row.prop(settings, "keep", expand=True)
        if expected := shelf.expected_seconds(live.stored, "", "adapt"):
            column.label(text=translated(wording.capitalised(wording.duration(expected))), icon="TIME", translate=False)
        row = column.row()
        row.scale_y = 1.5
        row.enabled = not reason
        row.operator("maquette.adapt", icon="BRUSHES_ALL")
        if reason:
            sentence(column, context, reason, "INFO")


class MAQUETTE_PT_styles_more(Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_styles_more"
    bl_parent_id = "MAQUETTE_PT_styles"
    bl_label = "More"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        settings, column = context.scene.maquette_style, self.layout.column()
        column.use_property_decorate = False
        column.prop(settings, "called", placeholder="After the sentence")
        row = column.split(factor=0.4)
        row.label(text="From")
        row.menu("MAQUETTE_MT_bases", text=settings.model or "The usual one", translate=not settings.model)
        column.prop(settings, "steps")
        column.prop(settings, "seed")


class MAQUETTE_MT_generators(bpy.types.Menu):
    """Which model makes the next avatars"""

    bl_idname = "MAQUETTE_MT_generators"
    bl_label = "Generator"

    def draw(self, context: bpy.types.Context) -> None:
        _draw_generators(self.layout, crowd=False)


class MAQUETTE_MT_crowd_generators(bpy.types.Menu):
    """Which model makes the people of the next crowd"""

    bl_idname = "MAQUETTE_MT_crowd_generators"
    bl_label = "Generator"

    def draw(self, context: bpy.types.Context) -> None:
        _draw_generators(self.layout, crowd=True)


class MAQUETTE_MT_bases(bpy.types.Menu):
    """Which generator the next style is made of"""

    bl_idname = "MAQUETTE_MT_bases"
    bl_label = "From"

    def draw(self, context: bpy.types.Context) -> None:
        client, layout = session.current().client, self.layout
        layout.operator("maquette.choose_base", text="The usual one").name = ""
        for name in adaptable(client.welcome if client else None):
            layout.operator("maquette.choose_base", text=name, translate=False).name = name


def draw_generator(column: bpy.types.UILayout, chosen: str, menu: str = "MAQUETTE_MT_generators") -> None:
    """The generator of the next avatars, and the menu that chooses another."""
    row = column.split(factor=0.4)
    row.label(text="Generator")
    row.menu(menu, text=chosen or OWN, translate=not chosen)


def _draw_generators(layout: bpy.types.UILayout, crowd: bool) -> None:
    """The backend's own, the other generators, and the styles with what they make of people."""
    client = session.current().client
    welcome = client.welcome if client else None
    made = {each.name: each for each in styles(welcome)}
    _draw_choice(layout, "", OWN, "USER", crowd)
    for name in (each for each in generators(welcome) if each not in made):
        _draw_choice(layout, name, name, "MESH_MONKEY", crowd)
    if made:
        layout.separator()
    for name, each in made.items():
        _draw_choice(layout, name, f"{name}: {wording.shortened(each.sentence, 40)}", "BRUSHES_ALL", crowd)


def _draw_choice(layout: bpy.types.UILayout, name: str, words: str, icon: str, crowd: bool) -> None:
    button = layout.operator("maquette.choose_generator", text=words, icon=icon, translate=not name)
    button.name, button.crowd = name, crowd


def _draw_style(box: bpy.types.UILayout, context: bpy.types.Context, each: Style) -> None:
    chosen = context.scene.maquette.synthesizer == each.name
    row = box.row(align=True)
    row.label(text=each.name, icon="CHECKMARK" if chosen else "BRUSHES_ALL", translate=False)
    row.operator("maquette.choose_generator", text="Used" if chosen else "Use", depress=chosen).name = (
        "" if chosen else each.name
    )
    row.operator("maquette.reuse_style", text="", icon="LOOP_BACK").name = each.name
    row.operator("maquette.discard_style", text="", icon="TRASH").name = each.name
    sentence(box, context, f"“{each.sentence}”", "BLANK1")


CLASSES = (
    MAQUETTE_MT_generators,
    MAQUETTE_MT_crowd_generators,
    MAQUETTE_MT_bases,
    MAQUETTE_PT_styles,
    MAQUETTE_PT_styles_more,
)
