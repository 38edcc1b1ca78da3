# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of this Blender's jobs, and what changes it."""

import uuid
from collections.abc import Mapping
from dataclasses import replace

from .jobs import JobState, Phase
from .protocol import ErrorCode, Move, ProtocolError
from .session import Avatar, Session


def waiting(avatars: Mapping[str, Avatar]) -> list[str]:
    """Ids of the jobs in the order in which they will be done; then those that are over, the latest first."""
    under_way = [key for key, each in avatars.items() if not each.job.phase.over]
    over = [key for key, each in avatars.items() if each.job.phase.over]
    return sorted(under_way, key=lambda key: _rank(avatars[key].job)) + over[::-1]


def move(live: Session, job_id: str, step: int) -> None:
    """Moves a waiting job so many places up (negative) or down among this Blender's."""
    queued = [key for key in waiting(live.avatars) if live.avatars[key].job.phase is Phase.QUEUED]
    other = queued[min(max(queued.index(job_id) + step, 0), len(queued) - 1)]
    if other != job_id:
        # Positions count the jobs at work, places in the queue do not.
        working = sum(each.state == "running" for each in live.stored)
        live.ask(Move(job_id, max(live.avatars[other].job.position - working, 0)))


def retry(live: Session, job_id: str, preset: str = "") -> Avatar:
    """Asks again for what failed or was cancelled, perhaps in another quality. Raises ProtocolError."""
    work = live.avatars[job_id]
    if work.request is None or not work.job.phase.over:
        raise ProtocolError(ErrorCode.BAD_REQUEST, "Only a job of this Blender that failed can be asked for again.")
    request = replace(work.request, job_id=uuid.uuid4().hex, preset=preset or work.request.preset)
    again = live.submit(request, work.name, work.scene, work.portrait, work.target)
    live.avatars.pop(job_id, None)  # too many may have pushed it out already
    return again


def _rank(job: JobState) -> int:
    """What runs, then what waits, by place; what has no place yet comes last."""
    if job.phase is Phase.SENT:
        return 1_000_001
    return job.position if job.phase is Phase.QUEUED else 0
