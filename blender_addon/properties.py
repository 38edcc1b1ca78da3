# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sets in the panel, saved with the scene."""

# mypy: disable-error-code="valid-type"

import bpy

from . import session
from .requests import generators

MAX_SEED = 2**31 - 1
"""Blender's whole numbers end there; the protocol's go further."""
SOURCES = (
    ("PORTRAIT", "Portrait", "The head of the person in a photograph", "IMAGE_DATA", 0),
    ("SENTENCE", "Sentence", "A person who does not exist, made from a description", "TEXT", 2),
    ("SEED", "Seed", "A person who does not exist, made from a number", "FILE_VOLUME", 1),
    ("MIX", "Mix", "Several of these at once, each as much as its weight says", "MOD_HUE_SATURATION", 3),
)
PRESETS = (
    ("draft", "Draft", "Coarsest and quickest: to see whether a portrait works"),
    ("standard", "Standard", "A finished avatar with a 1024-pixel texture"),
    ("high", "High", "Finest surface and a 2048-pixel texture; takes longest"),
)


def _generators(_settings: bpy.types.PropertyGroup, _context: bpy.types.Context, typed: str) -> list[str]:
    """Those of the backend that begin as typed."""
    client = session.current().client
    return [name for name in generators(client.welcome if client else None) if name.startswith(typed)]


class MAQUETTE_PG_settings(bpy.types.PropertyGroup):
    """The next avatar."""

    source: bpy.props.EnumProperty(name="From", description="What the avatar is made from", items=SOURCES)
    portrait: bpy.props.StringProperty(
        name="Portrait",
        description="Photograph of one face, seen from the front; JPEG, PNG, WebP, TIFF or BMP",
        # No FILE_PATH: its own button would show files of all kinds, maquette.pick_portrait shows images.
    )
    sentence: bpy.props.StringProperty(
        name="Sentence",
        description='What the person is like, in English: "an old woman with short grey hair and green eyes"',
        maxlen=500,
    )
    portrait_weight: bpy.props.FloatProperty(
        name="Portrait", description="How much the portrait counts in a mix", default=1, min=0, soft_max=2, max=100
    )
    sentence_weight: bpy.props.FloatProperty(
        name="Sentence", description="How much the sentence counts in a mix", default=1, min=0, soft_max=2, max=100
    )
    seed_weight: bpy.props.FloatProperty(
        name="Seed",
        description="How much the person of the seed counts in a mix; at 0 the seed only varies the others",
        default=0,
        min=0,
        soft_max=2,
        max=100,
    )
    refine: bpy.props.BoolProperty(
        name="Refine to Photo",
        description="Fit the avatar to the photograph for some more seconds: closer from the front, the back unchanged",
    )
    levels: bpy.props.BoolProperty(
        name="Levels of Detail",
        description="Also make three coarser meshes, each with a quarter of the faces of the one before and the same "
        "texture; they stand in a hidden collection beside the avatar",
    )
    imagine: bpy.props.BoolProperty(
        name="Beyond People",
        description="The sentence may say what no person looks like, as a bronze bust with a wreath: a generator is "
        "bent to it for this one head, which takes minutes",
    )
    synthesizer: bpy.props.StringProperty(
        name="Generator",
        description="Model that makes the avatar; empty: the backend's own. More come from Styles and maquette convert",
        maxlen=40,
        # The bpy 4.2 module goes down at its end over a function of Python in a group.
        **({"search": _generators} if bpy.app.version >= (4, 3, 0) else {}),
    )
    edit: bpy.props.StringProperty(
        name="Change", description='What to change, in English: "add a beard", "make her older"', maxlen=500
    )
    strength: bpy.props.FloatProperty(
        name="Strength",
        description="How far: 0 changes nothing, 1 is the sentence as it stands, more exaggerates",
        default=1,
        min=0,
        soft_max=1.5,
        max=3,
        subtype="FACTOR",
    )
    blend: bpy.props.FloatProperty(
        name="Share",
        description="How much of the other avatar: 0 is the active one, 1 the other",
        default=0.5,
        min=0,
        max=1,
        subtype="FACTOR",
    )
    seed: bpy.props.IntProperty(
        name="Seed",
        description="Start of all chance: the same settings and seed give the same avatar",
        min=0,
        max=MAX_SEED,
    )
    preset: bpy.props.EnumProperty(
        name="Quality",
        description="How fine the avatar becomes, and how long it takes",
        items=PRESETS,
        default="standard",
    )


def weights(settings: MAQUETTE_PG_settings) -> dict[str, float]:
    """Of a mix, as the backend names them. No method: see `synthesizer`."""
    return {name: getattr(settings, f"{name}_weight") for name in ("portrait", "sentence", "seed")}


CLASSES = (MAQUETTE_PG_settings,)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    _register_classes()
    bpy.types.Scene.maquette = bpy.props.PointerProperty(type=MAQUETTE_PG_settings)


def unregister() -> None:
    del bpy.types.Scene.maquette
    _unregister_classes()
