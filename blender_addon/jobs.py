# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a job, as a pure function of what came: `state = reduce(state, event)`."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from .protocol import (
    Accepted,
    ErrorCode,
    Event,
    Failed,
    Finished,
    MeshReady,
    Pong,
    Progressed,
    Refused,
    TextureReady,
)


class Phase(StrEnum):
    """Stations of a job; the last three are final."""

    SENT = "sent"
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        return self in (Phase.DONE, Phase.FAILED, Phase.CANCELLED)


@dataclass(frozen=True, slots=True, eq=False)
class JobState:
    """One job as the panel shows it."""

    job_id: str
    phase: Phase = Phase.SENT
    position: int = 0
    """Jobs before this one."""
    stage: str = ""
    fraction: float = 0.0
    remaining_seconds: float | None = None
    preview: np.ndarray[Any, Any] | None = None
    """Latest picture of what is emerging, u8 [H, W, 3]."""
    has_mesh: bool = False
    level: int | None = None
    """Of the latest texture."""
    recipe: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    message: str = ""
    """What went wrong, one sentence."""
    hint: str = ""
    """What to do about it."""


def reduce(state: JobState, event: Event) -> JobState:
    """The job after the event; events of other jobs, and any after the end, change nothing."""
    if getattr(event, "job_id", None) != state.job_id or state.phase.over:
        return state
    match event:
        case Accepted(position=position):
            return replace(state, position=position, phase=_unless_cancelling(state, _phase_at(position)))
        case Progressed():
            return replace(
                state,
                phase=_unless_cancelling(state, Phase.RUNNING),
                position=0,
                stage=event.stage,
                fraction=event.fraction,
                remaining_seconds=event.remaining_seconds,
                preview=state.preview if event.preview is None else event.preview,
            )
        case MeshReady():
            return replace(state, has_mesh=True)
        case TextureReady(level=level):
            return replace(state, level=level)
        case Finished(recipe=recipe):
            return replace(
                state, phase=Phase.DONE, fraction=1.0, remaining_seconds=0.0, stage="", recipe=recipe, preview=None
            )
        case Failed(code=code) | Refused(code=code):
            phase = Phase.CANCELLED if code == ErrorCode.CANCELLED else Phase.FAILED
            return replace(
                state,
                phase=phase,
                code=code,
                message=event.message,
                hint=event.hint,
                remaining_seconds=None,
                preview=None,
            )
    return state


def cancelling(state: JobState) -> JobState:
    """The job after the user asked to stop it; the backend's answer is awaited."""
    return state if state.phase.over else replace(state, phase=Phase.CANCELLING, remaining_seconds=None)


def coalesce(events: Iterable[Event]) -> list[Event]:
    """The same story with fewer words: per job only the latest progress and the latest texture, in order.

    A picture that a dropped Progressed carried moves on to the one that is kept.
    """
    kept: list[Event | None] = []
    latest: dict[tuple[str, type[Event]], int] = {}
    for event in events:
        if isinstance(event, Pong):
            continue
        if isinstance(event, (Progressed, TextureReady)):
            key = (event.job_id, type(event))
            before = kept[latest[key]] if key in latest else None
            if isinstance(event, Progressed) and isinstance(before, Progressed) and event.preview is None:
                event = replace(event, preview=before.preview)
            if key in latest:
                kept[latest[key]] = None
            latest[key] = len(kept)
        kept.append(event)
    return [event for event in kept if event is not None]


def _phase_at(position: int) -> Phase:
    return Phase.QUEUED if position else Phase.RUNNING


def _unless_cancelling(state: JobState, phase: Phase) -> Phase:
    return Phase.CANCELLING if state.phase is Phase.CANCELLING else phase
