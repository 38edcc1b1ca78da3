# SPDX-License-Identifier: GPL-3.0-or-later
"""From the panel's settings to a submitted job, and, without a window, to the finished avatar."""

# mypy: disable-error-code="valid-type"

import random
import sys
from pathlib import Path

import bpy

from .. import session, wording
from ..jobs import JobState, Phase
from ..launcher import LaunchError
from ..properties import MAX_SEED, PRESETS
from ..protocol import JobRequest, ProtocolError
from ..requests import Wanted, job_request


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
    seed: bpy.props.IntProperty(
        name="Seed",
        description="Seed to use instead of the scene's setting; without a portrait, a person from nothing else",
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
    wait: bpy.props.BoolProperty(
        name="Wait",
        description="Return when the avatar is finished; always so where there is no window",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        # Without a window the operator connects by itself.
        if not bpy.app.background and session.current().client is None:
            cls.poll_message_set("Start or connect to a backend first.")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        live = session.current()
        try:
            if bpy.app.background and not live.ready:
                if live.client is None:
                    live.connect()
                live.wait_ready(session.LAUNCH_SECONDS)
            wanted = self._wanted(context.scene)
            name = self._name(wanted)
            request = job_request(wanted, live.client.welcome if live.client else None, label=name)
            if not isinstance(request, JobRequest):
                self.report({"ERROR"}, request)
                return {"CANCELLED"}
            portrait = wanted.portrait if wanted.source == "PORTRAIT" else ""
            work = live.submit(request, name, context.scene.name, portrait)
        except (LaunchError, ProtocolError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not (self.wait or bpy.app.background):
            return {"FINISHED"}
        job = _wait(live, work.job.job_id)
        if job.phase is not Phase.DONE:
            self.report({"ERROR"}, f"{job.message} {job.hint}".strip() or wording.progress(job))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _wanted(self, scene: bpy.types.Scene) -> Wanted:
        """The scene's settings, replaced by what the operator was called with."""
        settings = scene.maquette
        portrait = self.portrait if self.properties.is_property_set("portrait") else settings.portrait
        source = settings.source
        if self.properties.is_property_set("portrait"):
            source = "PORTRAIT" if self.portrait else "SEED"
        elif self.properties.is_property_set("seed"):
            source = "SEED"
        return Wanted(
            source=source,
            portrait=bpy.path.abspath(portrait) if portrait else "",
            seed=self.seed if self.properties.is_property_set("seed") else settings.seed,
            preset=self.preset if self.properties.is_property_set("preset") else settings.preset,
        )

    def _name(self, wanted: Wanted) -> str:
        return f"Avatar {Path(wanted.portrait).stem if wanted.source == 'PORTRAIT' else wanted.seed}"


class MAQUETTE_OT_new_seed(bpy.types.Operator):
    """Roll another seed"""

    bl_idname = "maquette.new_seed"
    bl_label = "New Seed"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}  # noqa: RUF012

    def execute(self, context: bpy.types.Context) -> set[str]:
        # Short numbers can be read out and written down.
        context.scene.maquette.seed = random.randrange(1, 100_000)
        return {"FINISHED"}


def _wait(live: session.Session, job_id: str) -> JobState:
    """Waits for the job with a plain line for each stage; an interrupt cancels it."""
    told: list[str] = []

    def say(job: JobState) -> None:
        stage = job.stage if job.phase is Phase.RUNNING else wording.progress(job)
        if stage and stage not in told[-1:]:
            told.append(stage)
            sys.stdout.write(f"maquette: {job.fraction:4.0%} {stage}\n")
            sys.stdout.flush()

    try:
        return live.wait(job_id, say)
    except KeyboardInterrupt:
        live.cancel(job_id)
        return live.wait(job_id, say)


CLASSES = (MAQUETTE_OT_generate, MAQUETTE_OT_new_seed)
