# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sets in the panel, saved with the scene."""

# mypy: disable-error-code="valid-type"

import bpy

MAX_SEED = 2**31 - 1
"""Blender's whole numbers end there; the protocol's go further."""
SOURCES = (
    ("PORTRAIT", "Portrait", "The head of the person in a photograph", "IMAGE_DATA", 0),
    ("SEED", "Seed", "A person who does not exist, made from a number", "FILE_VOLUME", 1),
)
PRESETS = (
    ("draft", "Draft", "Coarsest and quickest: to see whether a portrait works"),
    ("standard", "Standard", "A finished avatar with a 1024-pixel texture"),
    ("high", "High", "Finest surface and a 2048-pixel texture; takes longest"),
)


class MAQUETTE_PG_settings(bpy.types.PropertyGroup):
    """The next avatar."""

    source: bpy.props.EnumProperty(name="From", description="What the avatar is made from", items=SOURCES)
    portrait: bpy.props.StringProperty(
        name="Portrait",
        description="Photograph of one face, seen from the front; JPEG, PNG, WebP, TIFF or BMP",
        # No FILE_PATH: its own button would show files of all kinds, maquette.pick_portrait shows images.
    )
    seed: bpy.props.IntProperty(
        name="Seed",
        description="Start of all chance: the same portrait, seed and quality give the same avatar",
        min=0,
        max=MAX_SEED,
    )
    preset: bpy.props.EnumProperty(
        name="Quality",
        description="How fine the avatar becomes, and how long it takes",
        items=PRESETS,
        default="standard",
    )


CLASSES = (MAQUETTE_PG_settings,)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    _register_classes()
    bpy.types.Scene.maquette = bpy.props.PointerProperty(type=MAQUETTE_PG_settings)


def unregister() -> None:
    del bpy.types.Scene.maquette
    _unregister_classes()
