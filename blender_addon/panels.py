# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar's tab: draws what the session knows, decides nothing."""

import bpy

from . import session, wording
from .jobs import Phase
from .scene import tags

LETTER = 5.8
"""Mean width of a letter in Blender's font, pixels at a scale of 1."""
FRAME = 95
"""Pixels of a sidebar that boxes, icon and tabs take from a sentence."""


class _Tab:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Maquette"


class MAQUETTE_PT_main(_Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_main"
    bl_label = "Maquette"

    def draw(self, context: bpy.types.Context) -> None:
        live = session.current()
        self.layout.use_property_decorate = False
        _draw_backend(self.layout.column(), context, live)
        self.layout.separator(type="LINE")
        _draw_source(self.layout.column(), context, live)
        _draw_generate(self.layout.column(), context, live)
        for work in reversed(live.avatars.values()):
            _draw_job(self.layout.box().column(), context, live, work)


class MAQUETTE_PT_avatar(_Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_avatar"
    bl_label = "Selected Avatar"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return context.object is not None and tags.RECIPE in context.object

    def draw(self, context: bpy.types.Context) -> None:
        recipe = tags.recipe_of(context.object) or {}
        column = self.layout.column(align=True)
        took = wording.took(recipe)
        for label, value in (
            ("Made from", wording.made_from(recipe)),
            ("Quality", wording.capitalised(str(recipe.get("preset", "")))),
            ("Model", str(recipe.get("model", {}).get("name", ""))),
            ("Took", took),
        ):
            if value:
                row = column.split(factor=0.35)
                row.label(text=label)
                row.label(text=value)
        row = self.layout.row(align=True)
        row.operator("maquette.look_at", icon="HIDE_OFF")
        row.operator("maquette.reuse", icon="LOOP_BACK")


def _draw_backend(column: bpy.types.UILayout, context: bpy.types.Context, live: session.Session) -> None:
    client = live.client
    words, icon = wording.backend(live.starting, client.state if client else None, client.welcome if client else None)
    row = column.row()
    row.label(text=f"Backend: {words}", icon=icon)
    if client is not None or live.launched is not None:
        row.operator("maquette.stop_backend", text="", icon="QUIT" if live.launched else "UNLINKED")
    row.operator("maquette.show_preferences", text="", icon="PREFERENCES")
    if not live.starting and (client is None or client.problem):
        row = column.row(align=True)
        row.operator("maquette.start_backend", text="Start", icon="PLAY")
        row.operator("maquette.connect", text="Connect", icon="LINKED")
    if client is not None:
        if client.problem:
            _sentence(column, context, client.problem)
        for sentence in wording.device_problems(client.welcome):
            _sentence(column, context, sentence, "ERROR")
    if live.problem is not None:
        _draw_trouble(column, context, live.problem.code, live.problem.message, live.problem.hint, "")


def _draw_source(column: bpy.types.UILayout, context: bpy.types.Context, live: session.Session) -> None:
    settings = context.scene.maquette
    column.row().prop(settings, "source", expand=True)
    if settings.source == "PORTRAIT":
        row = column.row(align=True)
        row.prop(settings, "portrait", text="", placeholder="Photograph of a face")
        row.operator("maquette.pick_portrait", text="", icon="FILEBROWSER")
        if settings.portrait and live.pictures is not None:
            icon = live.pictures.load(bpy.path.abspath(settings.portrait))
            if icon:
                column.template_icon(icon, scale=6.0)
            else:
                column.label(text="There is no such file", icon="ERROR")
    row = column.row(align=True)
    row.prop(settings, "seed")
    row.operator("maquette.new_seed", text="", icon="FILE_REFRESH")
    column.prop(settings, "preset")


def _draw_generate(column: bpy.types.UILayout, context: bpy.types.Context, live: session.Session) -> None:
    settings = context.scene.maquette
    reason = wording.why_not(live.ready, settings.source, settings.portrait)
    row = column.row()
    row.scale_y = 1.5
    row.enabled = not reason
    row.operator("maquette.generate", icon="USER")
    if reason:
        column.label(text=reason, icon="INFO")


def _draw_job(
    column: bpy.types.UILayout, context: bpy.types.Context, live: session.Session, work: session.Avatar
) -> None:
    job = work.job
    row = column.row()
    row.label(text=work.name, icon="CHECKMARK" if job.phase is Phase.DONE else "USER")
    if not job.phase.over:
        if job.preview is not None and live.pictures is not None:
            column.template_icon(live.pictures.show(job.job_id, job.preview), scale=8.0)
        column.progress(factor=job.fraction, text=wording.progress(job, live.ready))
        row = column.row()
        row.enabled = job.phase is not Phase.CANCELLING
        row.operator("maquette.cancel", icon="CANCEL").job = job.job_id
        # Below, where it moves nothing under the pointer when it appears.
        if work.shape is not None:
            column.operator("maquette.look_at", icon="HIDE_OFF").job = job.job_id
        return
    row.operator("maquette.dismiss", text="", icon="X", emboss=False).job = job.job_id
    if job.phase is Phase.DONE:
        if tags.find_object(job.job_id) is not None:
            column.operator("maquette.look_at", icon="HIDE_OFF").job = job.job_id
        else:
            column.label(text="Undone or deleted")
        for note in job.recipe.get("notes", []):
            _sentence(column, context, wording.capitalised(str(note)), "INFO")
    elif job.phase is Phase.CANCELLED:
        column.label(text="Cancelled; what had arrived stays" if work.shape else "Cancelled")
    else:
        _draw_trouble(column, context, job.code, job.message, job.hint, job.job_id)


def _draw_trouble(
    column: bpy.types.UILayout, context: bpy.types.Context, code: str, message: str, hint: str, job_id: str
) -> None:
    """An error with what helps against it; the cross of a job stands in its title."""
    box = column.box().column()
    _sentence(box, context, message, "ERROR")
    _sentence(box, context, hint)
    row = box.row()
    if remedy := wording.remedy(code, session.current().ready):
        button = row.operator(remedy.operator, text=remedy.label, icon=remedy.icon)
        if remedy.preset:
            button.preset = remedy.preset
    row.operator("maquette.copy_text", text="" if remedy else "Copy", icon="COPYDOWN").text = f"{message} {hint}"
    if not job_id:
        row.operator("maquette.dismiss", text="", icon="X")


def _sentence(column: bpy.types.UILayout, context: bpy.types.Context, sentence: str, icon: str = "BLANK1") -> None:
    lines = column.column(align=True)
    lines.scale_y = 0.8
    width = (context.region.width / context.preferences.system.ui_scale - FRAME) / LETTER
    for count, line in enumerate(wording.lines(sentence, max(int(width), 16))):
        lines.label(text=line, icon=icon if count == 0 else "BLANK1")


CLASSES = (MAQUETTE_PT_main, MAQUETTE_PT_avatar)
register, unregister = bpy.utils.register_classes_factory(CLASSES)
