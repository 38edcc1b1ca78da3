# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing a portrait's file, for a new avatar and for a head that is refined."""

# mypy: disable-error-code="valid-type"

from pathlib import Path

import bpy

from .telling import tell


class _Pick:
    """The file window, and the chosen file as `portrait` of a property group of the scene."""

    bl_label = "Choose Portrait"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012
    settings = ""

    filepath: bpy.props.StringProperty(name="File", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        before = getattr(context.scene, self.settings).portrait
        if before:
            self.filepath = str(Path(bpy.path.abspath(before)))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not Path(self.filepath).is_file():
            tell(self, "ERROR", f"There is no file at {self.filepath}.")
            return {"CANCELLED"}
        getattr(context.scene, self.settings).portrait = self.filepath
        return {"FINISHED"}


class MAQUETTE_OT_pick_portrait(_Pick, bpy.types.Operator):
    """Choose the photograph: one face, seen from the front"""

    bl_idname = "maquette.pick_portrait"
    settings = "maquette"

    def execute(self, context: bpy.types.Context) -> set[str]:
        done = super().execute(context)
        if done == {"FINISHED"}:
            context.scene.maquette.source = "PORTRAIT"
        return done


class MAQUETTE_OT_pick_reference(_Pick, bpy.types.Operator):
    """Choose the photograph of the person: one face, seen from the front"""

    bl_idname = "maquette.pick_reference"
    settings = "maquette_refine"


CLASSES = (MAQUETTE_OT_pick_portrait, MAQUETTE_OT_pick_reference)
