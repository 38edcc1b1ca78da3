# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing the portrait's file."""

# mypy: disable-error-code="valid-type"

from pathlib import Path

import bpy


class MAQUETTE_OT_pick_portrait(bpy.types.Operator):
    """Choose the photograph: one face, seen from the front"""

    bl_idname = "maquette.pick_portrait"
    bl_label = "Choose Portrait"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        before = context.scene.maquette.portrait
        if before:
            self.filepath = str(Path(bpy.path.abspath(before)))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not Path(self.filepath).is_file():
            self.report({"ERROR"}, f"There is no file at {self.filepath}.")
            return {"CANCELLED"}
        context.scene.maquette.portrait = self.filepath
        context.scene.maquette.source = "PORTRAIT"
        return {"FINISHED"}


CLASSES = (MAQUETTE_OT_pick_portrait,)
