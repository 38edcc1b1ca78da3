# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sets for the next style, saved with the scene."""

# mypy: disable-error-code="valid-type"

import bpy

from .properties import MAX_SEED

KEEPS = (
    ("people", "People", "Everybody changes, and stays as different from all others as before: for statues and aliens"),
    ("rest", "All Else", "What the sentence does not speak of stays as it is: for green hair or a red nose"),
)


class MAQUETTE_PG_style(bpy.types.PropertyGroup):
    """The next style."""

    sentence: bpy.props.StringProperty(
        name="Sentence",
        description='What everybody becomes, in English: "a marble statue", "a person with green hair"',
        maxlen=400,
    )
    keep: bpy.props.EnumProperty(name="Keep", description="What the sentence must not change", items=KEEPS)
    called: bpy.props.StringProperty(
        name="Name",
        description="What the style is called, in small letters, digits and hyphens; empty: after the sentence",
        maxlen=40,
    )
    model: bpy.props.StringProperty(
        name="From", description="The generator that is changed; it stays as it is. Empty: the usual one", maxlen=40
    )
    steps: bpy.props.IntProperty(
        name="Steps",
        description="How long it learns: more follows the sentence further; 0: as long as is usual",
        min=0,
        soft_max=1000,
        max=2000,
    )
    seed: bpy.props.IntProperty(
        name="Seed", description="The first head in the style, and the start of all chance", min=0, max=MAX_SEED
    )


CLASSES = (MAQUETTE_PG_style,)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    _register_classes()
    bpy.types.Scene.maquette_style = bpy.props.PointerProperty(type=MAQUETTE_PG_style)


def unregister() -> None:
    del bpy.types.Scene.maquette_style
    _unregister_classes()
