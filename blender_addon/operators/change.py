# SPDX-License-Identifier: GPL-3.0-or-later
"""An avatar that is there, changed by a sentence or mixed with others; those it came from stay as they are."""

# mypy: disable-error-code="valid-type"

from functools import partial

import bpy

from .. import wording
from ..requests import change_request
from ..scene import tags
from .asking import ask, can_ask
from .telling import refused


def changeable(context: bpy.types.Context) -> list[bpy.types.Object]:
    """The selected avatars that can be changed, the active one first."""
    active = context.object
    chosen = [each for each in context.view_layer.objects.selected if each != active]
    return [each for each in ([active] if active is not None else []) + chosen if tags.source_of(each)]


def _preset(avatar: bpy.types.Object) -> str:
    return str((tags.recipe_of(avatar) or {}).get("preset", "standard"))


class MAQUETTE_OT_edit(bpy.types.Operator):
    """Change the active avatar as the sentence says, beside it; who it is stays, and so does the one that is there"""

    bl_idname = "maquette.edit"
    bl_label = "Edit Avatar"

    sentence: bpy.props.StringProperty(
        name="Change", description="What to change; empty: the panel's setting", options={"SKIP_SAVE"}
    )
    strength: bpy.props.FloatProperty(
        name="Strength", description="How far, instead of the panel's setting", min=0, max=3, options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not tags.source_of(context.object):
            return refused(cls, "The active object is no avatar that can be changed.")
        return can_ask(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings, avatar = context.scene.maquette, context.object
        sentence = (self.sentence or settings.edit).strip()
        strength = self.strength if self.properties.is_property_set("strength") else settings.strength
        recipe, name = tags.recipe_of(avatar) or {}, f"{avatar.name}, {wording.shortened(sentence)}"
        request_for = partial(
            change_request,
            "edit",
            [tags.source_of(avatar)],
            _preset(avatar),
            options={"sentence": sentence, "strength": round(strength, 4)},
            seed=int(recipe.get("seed", 0)),
            label=name,
        )
        return ask(self, context, request_for, name)


class MAQUETTE_OT_blend(bpy.types.Operator):
    """Make the avatar between the active one and the others that are selected, beside them"""

    bl_idname = "maquette.blend"
    bl_label = "Blend Avatars"

    share: bpy.props.FloatProperty(
        name="Share",
        description="How much of the others, together, instead of the panel's setting",
        min=0,
        max=1,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if len(changeable(context)) < 2:
            return refused(cls, "Select two avatars.")
        return can_ask(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        share = self.share if self.properties.is_property_set("share") else context.scene.maquette.blend
        active, *others = changeable(context)
        shares = [round(1 - share, 4), *[round(share / len(others), 4)] * len(others)]
        name = " and ".join(each.name for each in (active, *others))
        request_for = partial(
            change_request,
            "blend",
            [tags.source_of(each) for each in (active, *others)],
            _preset(active),
            options={"shares": shares},
            label=name,
        )
        return ask(self, context, request_for, name)


CLASSES = (MAQUETTE_OT_edit, MAQUETTE_OT_blend)
