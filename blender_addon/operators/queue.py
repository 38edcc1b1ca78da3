# SPDX-License-Identifier: GPL-3.0-or-later
"""What one does with jobs beside ending them: order, again, fetched later, deleted."""

# mypy: disable-error-code="valid-type"

import bpy

from .. import queue, session, shelf
from ..jobs import Phase
from ..launcher import LaunchError
from ..protocol import Discard, ListJobs, ProtocolError
from ..scene.dress import GoneError
from .telling import refused, tell

ANSWER_SECONDS = 2.0
"""Where there is no window, this long a question may wait for its answer."""


class MAQUETTE_OT_move_job(bpy.types.Operator):
    """Let this job be done earlier or later than the others that wait"""

    bl_idname = "maquette.move_job"
    bl_label = "Move in the Queue"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    job: bpy.props.StringProperty(name="Job", description="Id of a job that waits", options={"SKIP_SAVE"})
    step: bpy.props.IntProperty(name="Places", description="Negative: earlier", default=-1, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not session.current().can("Move"):
            return refused(cls, "The backend is away, or too old to change its queue.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        live = session.current()
        if self.job not in live.avatars or live.avatars[self.job].job.phase is not Phase.QUEUED:
            tell(self, "WARNING", "That job does not wait any more.")
            return {"CANCELLED"}
        queue.move(live, self.job, self.step)
        return {"FINISHED"}


class MAQUETTE_OT_retry(bpy.types.Operator):
    """Ask for this avatar again, with the same portrait, seed and quality as before"""

    bl_idname = "maquette.retry"
    bl_label = "Try Again"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    job: bpy.props.StringProperty(
        name="Job", description="Id of a job that failed or was cancelled", options={"SKIP_SAVE"}
    )
    preset: bpy.props.StringProperty(
        name="Quality", description="Another quality; empty: the same", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if session.current().client is None:
            return refused(cls, "Start or connect to a backend first.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        live = session.current()
        if self.job not in live.avatars:
            tell(self, "WARNING", "That job is no longer in the list.")
            return {"CANCELLED"}
        try:
            work = queue.retry(live, self.job, self.preset)
        except ProtocolError as error:
            tell(self, "ERROR", str(error))
            return {"CANCELLED"}
        if bpy.app.background:
            live.wait(work.job.job_id, lambda job: None)
        return {"FINISHED"}


class MAQUETTE_OT_fetch(bpy.types.Operator):
    """Bring this avatar from the backend's store into the scene; nothing that is there is replaced"""

    bl_idname = "maquette.fetch"
    bl_label = "Bring into the Scene"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    job: bpy.props.StringProperty(name="Job", description="Id of a job of the store", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        live = session.current()
        work = live.avatars.get(self.job)
        if work is not None and work.target is not None and work.texture is not None:
            return self._dress(work)
        try:
            if bpy.app.background and not live.ready:
                if live.client is None:
                    live.connect()
                live.wait_ready(session.LAUNCH_SECONDS)
            if self.job in live.avatars and live.avatars[self.job].job.phase.over:
                live.dismiss(self.job)
            if bpy.app.background and live.client is not None:
                live.ask(ListJobs())
                for event in live.client.wait(ANSWER_SECONDS):
                    live.take(event)
            names = {each.job_id: each.name for each in live.stored}
            live.follow(self.job, names.get(self.job, "Avatar"), context.scene.name)
        except (LaunchError, ProtocolError) as error:
            tell(self, "ERROR", str(error))
            return {"CANCELLED"}
        if bpy.app.background:
            job = live.wait(self.job, lambda job: None)
            if job.phase is not Phase.DONE:
                tell(self, "ERROR", f"{job.message} {job.hint}".strip())
                return {"CANCELLED"}
        return {"FINISHED"}

    def _dress(self, work: session.Avatar) -> set[str]:
        """The texture of a head of the user's goes back onto it; it need not come over the wire again."""
        try:
            work.show()
        except GoneError as error:
            tell(self, "ERROR", str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class MAQUETTE_OT_discard(bpy.types.Operator):
    """Delete this result from the backend's store; an avatar that is in a scene stays there"""

    bl_idname = "maquette.discard"
    bl_label = "Delete from the Backend"
    bl_options = {"INTERNAL"}  # noqa: RUF012

    job: bpy.props.StringProperty(name="Job", description="Id of a job that is over", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not session.current().can("Discard"):
            return refused(cls, "The backend is away, or too old to delete what it keeps.")
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        session.current().ask(Discard(self.job))
        return {"FINISHED"}


class MAQUETTE_OT_list_stored(bpy.types.Operator):
    """Ask the backend again what it keeps"""

    bl_idname = "maquette.list_stored"
    bl_label = "Refresh"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        live = session.current()
        if not shelf.takes(live.client.welcome if live.client else None, "ListJobs"):
            return refused(cls, "The backend is away, or too old to list what it keeps.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        session.current().ask(ListJobs())
        return {"FINISHED"}


class MAQUETTE_OT_clear_queue(bpy.types.Operator):
    """Take all jobs that are over off this list; their avatars stay in the scene and in the backend's store"""

    bl_idname = "maquette.clear_queue"
    bl_label = "Clear Finished"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not any(each.job.phase.over for each in session.current().avatars.values()):
            return refused(cls, "No job of the list is over.")
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        live = session.current()
        for key in [key for key, each in live.avatars.items() if each.job.phase.over]:
            live.dismiss(key)
        return {"FINISHED"}


CLASSES = (
    MAQUETTE_OT_move_job,
    MAQUETTE_OT_retry,
    MAQUETTE_OT_fetch,
    MAQUETTE_OT_discard,
    MAQUETTE_OT_list_stored,
    MAQUETTE_OT_clear_queue,
)
