# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user sets for the refinement of a head of his own, saved with the scene."""

# mypy: disable-error-code="valid-type"

import bpy

from .properties import MAX_SEED

REFINERS = (
    ("reproject", "Portrait Only", "The photograph's own pixels where its camera saw the head, matched on the rest"),
    (
        "diffuse-local",
        "Local Model",
        "Our own model repaints the head view by view as the sentence says; it works offline",
    ),
    ("diffuse-sd", "Stable Diffusion", "A model of your own repaints the head view by view; see the documentation"),
)
LAYOUTS = (
    ("auto", "Automatic", "The head's own UVs where they can hold one picture, else a new UV layer"),
    ("own", "Its UVs", "A new material in a new slot, on the UVs that are there"),
    ("new", "New UV Layer", "New UVs without overlaps on a layer of their own; those that are there stay"),
)
MASKS = (
    ("NONE", "Everywhere", "All of the head may change"),
    ("GROUP", "Vertex Group", "Only what is in a vertex group may change"),
    ("IMAGE", "Image", "Only what is white in an image over the head's UVs may change"),
)
SIZES = (
    ("auto", "As It Is", "As large as the picture that is there"),
    *((str(side), f"{side} px", f"{side} texels a side") for side in (512, 1024, 2048, 4096)),
)
AXES = (
    ("auto", "Automatic", "By the face, which is looked for from all around"),
    *((axis, axis, f"Along {axis} of the scene") for axis in ("X", "-X", "Y", "-Y", "Z", "-Z")),
)


class MAQUETTE_PG_refine(bpy.types.PropertyGroup):
    """The next refinement."""

    portrait: bpy.props.StringProperty(
        name="Portrait", description="Photograph of the person, seen from the front; empty: the sentence alone"
    )
    prompt: bpy.props.StringProperty(
        name="Sentence", description='What the person is like, in English: "an old man with freckles"', maxlen=500
    )
    negative: bpy.props.StringProperty(
        name="Must Not Appear", description="What must not appear, for models that can express it", maxlen=500
    )
    strength: bpy.props.FloatProperty(
        name="Strength",
        description="How far repainting may leave what is there: 0 not at all, 1 entirely",
        default=0.5,
        min=0,
        max=1,
        subtype="FACTOR",
    )
    views: bpy.props.IntProperty(
        name="Views", description="Cameras around the head, from the front outward", default=8, min=1, max=16
    )
    seed: bpy.props.IntProperty(name="Seed", description="Same settings and seed: same texture", min=0, max=MAX_SEED)
    size: bpy.props.EnumProperty(name="Texture", description="Side of the new image", items=SIZES, default="1024")
    refiner: bpy.props.EnumProperty(name="Method", description="What repaints the head", items=REFINERS)
    layout: bpy.props.EnumProperty(name="UVs", description="Where the new image lies", items=LAYOUTS)
    mask: bpy.props.EnumProperty(name="Where", description="What of the head may change", items=MASKS)
    group: bpy.props.StringProperty(name="Group", description="Vertex group whose weight says what may change")
    image: bpy.props.PointerProperty(
        name="Mask", description="Image over the head's UVs: white may change", type=bpy.types.Image
    )
    slot_only: bpy.props.BoolProperty(
        name="Active Material Only", description="Faces of other materials, as eyes or hair, stay as they are"
    )
    assign: bpy.props.BoolProperty(
        name="Show New Material",
        description="Let the faces that may change show the new material; otherwise it waits in its slot",
        default=True,
    )
    up: bpy.props.EnumProperty(name="Up", description="Which way is up", items=AXES)
    front: bpy.props.EnumProperty(name="Looks Along", description="Which way the face looks", items=AXES)


CLASSES = (MAQUETTE_PG_refine,)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(CLASSES)


def register() -> None:
    _register_classes()
    bpy.types.Scene.maquette_refine = bpy.props.PointerProperty(type=MAQUETTE_PG_refine)


def unregister() -> None:
    del bpy.types.Scene.maquette_refine
    _unregister_classes()
