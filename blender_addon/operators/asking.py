# SPDX-License-Identifier: GPL-3.0-or-later
"""What all operators that make avatars do with a request: hand it over and, where there is no window, wait."""

import sys
from collections.abc import Callable

import bpy

from .. import session, wording
from ..jobs import JobState, Phase
from ..launcher import LaunchError
from ..protocol import JobRequest, ProtocolError, Welcome
from ..scene.dress import Target
from .telling import refused, tell


def can_ask(cls: type[bpy.types.Operator]) -> bool:
    """For `poll`: whether there is a backend; without a window operators connect by themselves."""
    if not bpy.app.background and session.current().client is None:
        return refused(cls, "Start or connect to a backend first.")
    return True


def ask(
    operator: bpy.types.Operator,
    context: bpy.types.Context,
    request_for: Callable[[Welcome | None], JobRequest | str],
    name: str,
    portrait: str = "",
    wait: bool = False,
    target: Target | None = None,
) -> set[str]:
    """For `execute`: submits what `request_for` makes for this backend; the avatar is called `name`.

    `target` is the head of the user's that is refined, where it is not an avatar that is made.
    """
    live = session.current()
    try:
        if bpy.app.background and not live.ready:
            if live.client is None:
                live.connect()
            live.wait_ready(session.LAUNCH_SECONDS)
        request = request_for(live.client.welcome if live.client else None)
        if not isinstance(request, JobRequest):
            tell(operator, "ERROR", request)
            return {"CANCELLED"}
        photograph = portrait if request.portrait is not None else ""
        work = live.submit(request, name, context.scene.name, photograph, target)
    except (LaunchError, ProtocolError) as error:
        tell(operator, "ERROR", str(error))
        return {"CANCELLED"}
    if not (wait or bpy.app.background):
        return {"FINISHED"}
    job = _wait(live, work.job.job_id)
    if job.phase is not Phase.DONE:
        tell(operator, "ERROR", f"{job.message} {job.hint}".strip() or wording.progress(job))
        return {"CANCELLED"}
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
