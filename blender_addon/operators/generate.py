# SPDX-License-Identifier: GPL-3.0-or-later
"""From the panel's settings to a submitted job, and, without a window, to the finished avatar."""

# mypy: disable-error-code="valid-type"

import random
from functools import partial
from pathlib import Path

import bpy

from .. import wording
from ..properties import MAX_SEED, PRESETS, weights
from ..requests import Wanted, job_request
from .asking import ask, can_ask


class MAQUETTE_OT_generate(bpy.types.Operator):
    """Generate an avatar; the mesh comes first, its texture sharpens in place"""

    bl_idname = "maquette.generate"
    bl_label = "Generate Avatar"

    portrait: bpy.props.StringProperty(
        name="Portrait",
        description="Image file to use instead of the scene's setting",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    sentence: bpy.props.StringProperty(
        name="Sentence",
        description="Description to use instead of the scene's setting; with a portrait, a mix of both",
        options={"SKIP_SAVE"},
    )
    seed: bpy.props.IntProperty(
        name="Seed",
        description="Seed to use instead of the scene's setting; alone, a person from nothing else",
        min=0,
        max=MAX_SEED,
        options={"SKIP_SAVE"},
    )
    preset: bpy.props.EnumProperty(
        name="Quality",
        description="Quality to use instead of the scene's setting",
        items=PRESETS,
        default="standard",
        options={"SKIP_SAVE"},
    )
    refine: bpy.props.BoolProperty(
        name="Refine to Photo",
        description="Fit the avatar to the photograph, instead of the scene's setting",
        options={"SKIP_SAVE"},
    )
    levels: bpy.props.BoolProperty(
        name="Levels of Detail",
        description="Also make coarser meshes, instead of the scene's setting",
        options={"SKIP_SAVE"},
    )
    synthesizer: bpy.props.StringProperty(
        name="Generator",
        description="Model that makes the avatar, instead of the scene's setting",
        options={"SKIP_SAVE"},
    )
    imagine: bpy.props.BoolProperty(
        name="Beyond People",
        description="Bend a generator to the sentence for this one head, instead of the scene's setting",
        options={"SKIP_SAVE"},
    )
    wait: bpy.props.BoolProperty(
        name="Wait",
        description="Return when the avatar is finished; always so where there is no window",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return can_ask(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        wanted = self._wanted(context.scene)
        name = self._name(wanted)
        request_for = partial(job_request, wanted, label=name)
        return ask(self, context, request_for, name, wanted.portrait, self.wait)

    def _wanted(self, scene: bpy.types.Scene) -> Wanted:
        """The scene's settings, replaced by what the operator was called with."""
        settings = scene.maquette
        names = ("portrait", "sentence", "seed", "preset", "refine", "levels", "synthesizer", "imagine")
        given = {name: getattr(self, name) for name in names if self.properties.is_property_set(name)}
        values = {name: getattr(settings, name) for name in ("source", *names)} | given
        if "portrait" in given or "sentence" in given:
            named = {"PORTRAIT": given.get("portrait"), "SENTENCE": given.get("sentence")}
            kinds = [kind for kind, value in named.items() if value]
            values["source"] = "MIX" if len(kinds) > 1 else (kinds or ["SEED"])[0]
        elif "seed" in given:
            values["source"] = "SEED"
        # What the panel shows beside a sentence has no say where none is used.
        values["imagine"] = values["imagine"] and values["source"] == "SENTENCE"
        portrait = values.pop("portrait")
        return Wanted(portrait=bpy.path.abspath(portrait) if portrait else "", weights=weights(settings), **values)

    def _name(self, wanted: Wanted) -> str:
        if "portrait" in wanted.uses:
            return f"Avatar {Path(wanted.portrait).stem}"
        return wording.named(wanted.sentence) if "sentence" in wanted.uses else f"Avatar {wanted.seed}"


class MAQUETTE_OT_new_seed(bpy.types.Operator):
    """Roll another seed"""

    bl_idname = "maquette.new_seed"
    bl_label = "New Seed"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012

    def execute(self, context: bpy.types.Context) -> set[str]:
        # Short numbers can be read out and written down.
        context.scene.maquette.seed = random.randrange(1, 100_000)
        return {"FINISHED"}


CLASSES = (MAQUETTE_OT_generate, MAQUETTE_OT_new_seed)
