# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles: made of a sentence, chosen as the generator of the next avatar, and deleted."""

# mypy: disable-error-code="valid-type"

import time
from functools import partial

import bpy

from .. import session, wording
from ..properties import PRESETS
from ..protocol import DiscardStyle
from ..style_properties import KEEPS
from ..styles import StyleWish, style_request, styles
from .asking import ask, can_ask
from .telling import refused, tell

ANSWER_SECONDS = 2.0
"""Where there is no window, the backend's word that a style is gone is waited for so long."""


def wish_of(scene: bpy.types.Scene) -> StyleWish:
    """What the panel's settings say."""
    settings = scene.maquette_style
    names = ("sentence", "keep", "model", "steps", "seed")
    said = {name: getattr(settings, name) for name in names}
    return StyleWish(**said, name=settings.called, preset=scene.maquette.preset)


class MAQUETTE_OT_adapt(bpy.types.Operator):
    """Teach a copy of a generator what the sentence says; it becomes a generator of its own, with a first head by it"""

    bl_idname = "maquette.adapt"
    bl_label = "Make Style"

    sentence: bpy.props.StringProperty(
        name="Sentence", description="What everybody becomes, instead of the panel's setting", options={"SKIP_SAVE"}
    )
    name: bpy.props.StringProperty(
        name="Name", description="What the style is called, instead of the panel's setting", options={"SKIP_SAVE"}
    )
    model: bpy.props.StringProperty(
        name="From", description="The generator that is changed, instead of the panel's", options={"SKIP_SAVE"}
    )
    keep: bpy.props.EnumProperty(
        name="Keep", description="What must not change, instead of the panel's", items=KEEPS, options={"SKIP_SAVE"}
    )
    steps: bpy.props.IntProperty(
        name="Steps", description="How long it learns, instead of the panel's setting", min=0, options={"SKIP_SAVE"}
    )
    seed: bpy.props.IntProperty(
        name="Seed", description="The first head, instead of the panel's", min=0, options={"SKIP_SAVE"}
    )
    preset: bpy.props.EnumProperty(
        name="Quality",
        description="Of the first head, instead of the panel's setting",
        items=PRESETS,
        default="standard",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return can_ask(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        wish = wish_of(context.scene)
        given = {name: getattr(self, name) for name in wish.__slots__ if self.properties.is_property_set(name)}
        wish = StyleWish(**{name: getattr(wish, name) for name in wish.__slots__} | given)
        name = wording.named(wish.sentence)
        return ask(self, context, partial(style_request, wish, label=name), name)


class MAQUETTE_OT_choose_generator(bpy.types.Operator):
    """Let this make the next avatars"""

    bl_idname = "maquette.choose_generator"
    bl_label = "Choose Generator"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012

    name: bpy.props.StringProperty(
        name="Generator", description="Its name; empty: the backend's own", options={"SKIP_SAVE"}
    )
    crowd: bpy.props.BoolProperty(
        name="Of a Crowd", description="Let it make the people of the next crowd instead", options={"SKIP_SAVE"}
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        if self.crowd:
            context.scene.maquette_crowd.generator = self.name
        else:
            context.scene.maquette.synthesizer = self.name
        return {"FINISHED"}


class MAQUETTE_OT_choose_base(bpy.types.Operator):
    """Let the next style be made of this generator, which stays as it is"""

    bl_idname = "maquette.choose_base"
    bl_label = "Change This One"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012

    name: bpy.props.StringProperty(name="Generator", description="Its name; empty: the usual", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.maquette_style.model = self.name
        return {"FINISHED"}


class MAQUETTE_OT_reuse_style(bpy.types.Operator):
    """Set sentence, generator and what is kept as this style was made with, to make another like it"""

    bl_idname = "maquette.reuse_style"
    bl_label = "Use Its Settings"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012

    name: bpy.props.StringProperty(name="Style", description="Its name", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        client, settings = session.current().client, context.scene.maquette_style
        found = {each.name: each for each in styles(client.welcome if client else None)}.get(self.name)
        if found is None:
            tell(self, "WARNING", "The backend has that style no longer.")
            return {"CANCELLED"}
        settings.sentence, settings.model, settings.called = found.sentence, found.model, ""
        if found.keep in {each[0] for each in KEEPS}:
            settings.keep = found.keep
        return {"FINISHED"}


class MAQUETTE_OT_discard_style(bpy.types.Operator):
    """Delete this style from the backend; avatars that were made with it stay"""

    bl_idname = "maquette.discard_style"
    bl_label = "Delete Style"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    name: bpy.props.StringProperty(name="Style", description="Its name", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not session.current().can("DiscardStyle"):
            return refused(cls, "The backend is away, or too old to delete styles.")
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        live = session.current()
        live.ask(DiscardStyle(self.name))
        if context.scene.maquette.synthesizer == self.name:
            context.scene.maquette.synthesizer = ""
        if context.scene.maquette_crowd.generator == self.name:
            context.scene.maquette_crowd.generator = ""
        if bpy.app.background and live.client is not None:
            end = time.monotonic() + ANSWER_SECONDS
            while self.name in {each.name for each in styles(live.client.welcome)} and time.monotonic() < end:
                for event in live.client.wait(0.2):
                    live.take(event)
        return {"FINISHED"}


CLASSES = (
    MAQUETTE_OT_adapt,
    MAQUETTE_OT_choose_generator,
    MAQUETTE_OT_choose_base,
    MAQUETTE_OT_reuse_style,
    MAQUETTE_OT_discard_style,
)
