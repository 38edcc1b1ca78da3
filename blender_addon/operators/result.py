# SPDX-License-Identifier: GPL-3.0-or-later
"""What one does with an avatar that is there: look at it, and take up its settings again."""

# mypy: disable-error-code="valid-type"

import bpy

from .. import wording
from ..scene import mesh, tags, view
from .telling import refused, tell


def _avatar(context: bpy.types.Context, job_id: str) -> bpy.types.Object | None:
    return (tags.find_object(job_id) or tags.find_head(job_id)) if job_id else context.object


class MAQUETTE_OT_look_at(bpy.types.Operator):
    """Turn this 3D view to the avatar's face and let it show the texture"""

    bl_idname = "maquette.look_at"
    bl_label = "Look at It"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    job: bpy.props.StringProperty(name="Job", description="Empty: the active object", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        avatar = _avatar(context, self.job)
        if avatar is None:
            tell(self, "WARNING", "The avatar is no longer in this file.")
            return {"CANCELLED"}
        if context.space_data is None or context.space_data.type != "VIEW_3D":
            tell(self, "ERROR", "Call this from a 3D view.")
            return {"CANCELLED"}
        mesh.select_only(context.scene, avatar)
        view.frame(context.space_data, avatar)
        return {"FINISHED"}


class MAQUETTE_OT_reuse(bpy.types.Operator):
    """Set sentence, seed and quality as this avatar was made with; a portrait has to be chosen again"""

    bl_idname = "maquette.reuse"
    bl_label = "Use Its Settings"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.object is None or tags.RECIPE not in context.object:
            return refused(cls, "The active object carries no recipe.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        recipe = tags.recipe_of(context.object) or {}
        settings = context.scene.maquette
        settings.seed = int(recipe.get("seed", settings.seed))
        presets = settings.bl_rna.properties["preset"].enum_items.keys()
        if recipe.get("preset") in presets:
            settings.preset = recipe["preset"]
        sentence = wording.sentence_of(recipe)
        if wording.is_changed(recipe):
            settings.edit = sentence or settings.edit
            return {"FINISHED"}
        options = recipe.get("options", {})
        settings.refine = bool(options.get("invert"))
        for name, weight in options.get("weights", {}).items():
            if hasattr(settings, f"{name}_weight"):
                setattr(settings, f"{name}_weight", weight)
        settings.sentence = sentence or settings.sentence
        settings.source = wording.source_of(recipe)
        settings.imagine = recipe.get("kind") == "imagine"
        settings.synthesizer = str(options.get("synthesizer", ""))
        return {"FINISHED"}


CLASSES = (MAQUETTE_OT_look_at, MAQUETTE_OT_reuse)
