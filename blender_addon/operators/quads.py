# SPDX-License-Identifier: GPL-3.0-or-later
"""The active head in quads."""

# mypy: disable-error-code="valid-type"

import bpy

from .. import wording
from ..scene import mesh, quads
from .telling import refused, tell


class MAQUETTE_OT_quads(bpy.types.Operator):
    """Make a copy of this head of evenly laid quads, under the same textures; the head itself is hidden and kept"""

    bl_idname = "maquette.quads"
    bl_label = "Remesh to Quads"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    faces: bpy.props.IntProperty(
        name="Faces", description="About how many quads", default=6000, min=200, max=100_000, soft_max=20_000
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        active = context.object
        if active is None or active.type != "MESH" or active.mode != "OBJECT":
            return refused(cls, "Select a head, in object mode.")
        if active.data.uv_layers.active is None:
            return refused(cls, "The active object has no texture coordinates.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        source = context.object
        try:
            made = quads.remesh(source, self.faces)
        except quads.RemeshError as error:
            tell(self, "ERROR", f"{wording.capitalised(error.message)}. {error.hint}")
            return {"CANCELLED"}
        mesh.select_only(context.scene, made)
        source.hide_set(True)
        source.hide_render = True
        tell(self, "INFO", f"{len(made.data.polygons)} faces; {source.name} is hidden.")
        return {"FINISHED"}


CLASSES = (MAQUETTE_OT_quads,)
