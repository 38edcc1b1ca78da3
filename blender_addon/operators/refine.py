# SPDX-License-Identifier: GPL-3.0-or-later
"""A better texture for the active object: read it, ask for it; the result comes as a new image in a new slot."""

# mypy: disable-error-code="valid-type"

from functools import partial
from typing import Any

import bpy
import numpy as np

from ..properties import MAX_SEED
from ..refine_properties import LAYOUTS, REFINERS
from ..requests import refine_request
from ..scene import axes, dress
from ..scene.gathering import Head
from ..scene.head import Choice, HeadError, read
from .asking import ask, can_ask
from .telling import refused, tell

SETTINGS = ("portrait", "prompt", "negative", "strength", "views", "seed", "size", "refiner", "layout", "group")
"""Of the operator, in the place of the panel's where they are given."""


class MAQUETTE_OT_refine(bpy.types.Operator):
    """Make a better texture for the active head; its mesh, UVs, materials, groups and rig stay as they are"""

    bl_idname = "maquette.refine"
    bl_label = "Refine Head"

    portrait: bpy.props.StringProperty(
        name="Portrait", description="Image file, instead of the panel's", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    prompt: bpy.props.StringProperty(
        name="Sentence", description="What the person is like, instead of the panel's", options={"SKIP_SAVE"}
    )
    negative: bpy.props.StringProperty(
        name="Must Not Appear", description="What must not appear, instead of the panel's", options={"SKIP_SAVE"}
    )
    strength: bpy.props.FloatProperty(
        name="Strength", description="How far, instead of the panel's", min=0, max=1, options={"SKIP_SAVE"}
    )
    views: bpy.props.IntProperty(
        name="Views", description="Cameras, instead of the panel's", default=8, min=1, max=16, options={"SKIP_SAVE"}
    )
    seed: bpy.props.IntProperty(
        name="Seed", description="Instead of the panel's", min=0, max=MAX_SEED, options={"SKIP_SAVE"}
    )
    size: bpy.props.IntProperty(
        name="Texture",
        description="Texels a side instead of the panel's; 0: as large as what is there",
        min=0,
        max=4096,
        options={"SKIP_SAVE"},
    )
    refiner: bpy.props.EnumProperty(
        name="Method", description="Instead of the panel's", items=REFINERS, options={"SKIP_SAVE"}
    )
    layout: bpy.props.EnumProperty(
        name="UVs", description="Instead of the panel's", items=LAYOUTS, options={"SKIP_SAVE"}
    )
    group: bpy.props.StringProperty(
        name="Group", description="Vertex group that may change, instead of the panel's", options={"SKIP_SAVE"}
    )
    wait: bpy.props.BoolProperty(
        name="Wait",
        description="Return when the texture is finished; always so where there is no window",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.object is None or context.object.type != "MESH":
            return refused(cls, "Select the mesh of a head first.")
        return can_ask(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        found, settings = context.object, context.scene.maquette_refine
        wanted = {name: getattr(settings, name) for name in SETTINGS}
        wanted |= {name: getattr(self, name) for name in SETTINGS if self.properties.is_property_set(name)}
        mask = settings.image.name if settings.mask == "IMAGE" and settings.image is not None else ""
        group = wanted["group"] if settings.mask == "GROUP" or self.group else ""
        try:
            head = read(found, Choice(group=group, mask=mask, slot_only=settings.slot_only))
        except HeadError as error:
            tell(self, "ERROR", str(error))
            return {"CANCELLED"}
        for note in head.notes:
            tell(self, "INFO", note[:1].upper() + note[1:])
        portrait = bpy.path.abspath(wanted["portrait"]) if wanted["portrait"] else ""
        name = f"{found.name} refined"
        request_for = partial(
            refine_request, head.arrays(), _options(wanted, settings), portrait, wanted["seed"], label=name
        )
        return ask(self, context, request_for, name, portrait, self.wait, _target(found, head, settings.assign))


def _options(wanted: dict[str, Any], settings: bpy.types.PropertyGroup) -> dict[str, Any]:
    """As a request has them; what was not set is left to the backend."""
    options: dict[str, Any] = {
        "strength": round(float(wanted["strength"]), 4),
        "views": wanted["views"],
        "refiner": wanted["refiner"],
        "layout": wanted["layout"],
    }
    if wanted["size"] not in ("auto", 0):
        options["texture_size"] = int(wanted["size"])
    for name in ("prompt", "negative"):
        if said := wanted[name].strip():
            options[name] = said
    for name in ("up", "front"):
        if (axis := getattr(settings, name)) != "auto":
            options[name] = axes.AXIS_TO_BOX[axis]
    return options


def _target(found: bpy.types.Object, head: Head, assign: bool) -> dress.Target:
    """Where the result belongs."""
    base = found.data
    layer = next((each.name for each in base.uv_layers if each.active_render), "")
    faces = None if assign else np.zeros(0, np.int32)
    if assign and head.weight is not None:
        faces = np.unique(head.polygons[head.weight[head.faces].any(axis=1)])
    uv = None if head.uv is None else head.uv[head.faces]
    return dress.Target(found.name, found.session_uid, dress.counts(base), head.corners, uv, layer, faces)


CLASSES = (MAQUETTE_OT_refine,)
