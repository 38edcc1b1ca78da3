# SPDX-License-Identifier: GPL-3.0-or-later
"""The sub-panel of the process that does the work: where it is, how it is, and its switches."""

import bpy

from .. import session, wording
from ..client import State
from ..shelf import takes
from ..translations import translated
from .drawing import Tab, sentence, trouble


class MAQUETTE_PT_backend(Tab, bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_backend"
    bl_label = "Backend"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        self.layout.operator("maquette.show_preferences", text="", icon="PREFERENCES", emboss=False)

    def draw(self, context: bpy.types.Context) -> None:
        live, column = session.current(), self.layout.column()
        client = live.client
        welcome = client.welcome if client else None
        words, icon = wording.backend(live.starting, client.state if client else None, welcome)
        column.label(text=words, icon=icon)
        if client is not None and client.state is State.READY:
            for device in wording.devices(welcome):
                column.label(text=translated(device), icon="MEMORY", translate=False)
        row = column.row(align=True)
        if client is None and live.launched is None:
            row.operator("maquette.start_backend", text="Start", icon="PLAY")
            row.operator("maquette.connect", text="Connect", icon="LINKED")
        else:
            if live.launched is not None:
                row.operator("maquette.restart_backend", text="Restart", icon="FILE_REFRESH")
                row.operator("maquette.stop_backend", text="Stop", icon="QUIT")
            else:
                if client is not None and client.problem:
                    row.operator("maquette.start_backend", text="Start", icon="PLAY")
                    row.operator("maquette.connect", text="Connect", icon="LINKED")
                row.operator("maquette.stop_backend", text="Leave", icon="UNLINKED")
        row = column.row(align=True)
        if takes(welcome, "FreeMemory"):
            row.operator("maquette.free_memory", icon="MEMORY")
        row.operator("maquette.show_log", icon="TEXT")
        if client is None or client.problem:
            column.operator("maquette.test_connection", icon="QUESTION")
        if live.verdict is not None:
            sentence(column, context, live.verdict.sentence, "CHECKMARK" if live.verdict.good else "ERROR")
            sentence(column, context, live.verdict.hint)
        if client is not None:
            if client.problem:
                sentence(column, context, client.problem)
            for problem in wording.device_problems(welcome):
                sentence(column, context, problem, "ERROR")
        if live.problem is not None:
            trouble(column, context, (live.problem.code, live.problem.message, live.problem.hint))


CLASSES = (MAQUETTE_PT_backend,)
