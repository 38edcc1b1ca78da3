# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backend keeps, as its JobsListed says: rows for the panel, whatever a newer or older backend wrote."""

import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .protocol import JobsListed, Welcome

UNDER_WAY = ("queued", "running")
SLOW = ("imagine", "adapt")
"""Kinds of jobs that take minutes, whatever the preset."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One job of the backend's store."""

    job_id: str
    name: str
    preset: str
    state: str
    """queued, running, done, failed or cancelled."""
    created: float
    """Seconds since 1970."""
    seconds: float | None
    """It took, where it is done."""
    kind: str = "avatar"
    """Of its request."""

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY


def takes(welcome: Welcome | None, kind: str) -> bool:
    """Whether the backend said that it understands such a request."""
    named = welcome.capabilities.get("requests", []) if welcome else []
    return isinstance(named, list) and kind in named


def has_option(welcome: Welcome | None, name: str) -> bool:
    """Whether the backend said that requests may have such an option."""
    named = welcome.capabilities.get("options", []) if welcome else []
    return isinstance(named, list) and name in named


def makes(welcome: Welcome | None, kind: str) -> bool:
    """Whether the backend said that it does requests of such a kind."""
    named = welcome.capabilities.get("kinds", []) if welcome else []
    return isinstance(named, list) and kind in named


def rows(listed: JobsListed) -> list[Stored]:
    """The jobs, newest first; entries that say nothing usable are left out."""
    entries = listed.jobs.get("jobs", [])
    if not isinstance(entries, list):
        return []
    return [row for each in entries if isinstance(each, dict) and (row := _row(each)) is not None]


def expected_seconds(stored: Iterable[Stored], preset: str, kind: str = "avatar") -> float | None:
    """How long such a job took of late on this backend: the median of the last five; None if none is known. What takes
    minutes (`SLOW`) takes as long at every preset."""
    alike = (each for each in stored if (each.kind == kind if kind in SLOW else _as_avatars(each, preset)))
    took = [each.seconds for each in alike if each.seconds][:5]
    return sorted(took)[len(took) // 2] if took else None


def age(created: float, now: float | None = None) -> str:
    """How long ago, in round words."""
    seconds = max((time.time() if now is None else now) - created, 0.0)
    for size, word in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {word} ago"
    return "just now"


def preset_words(welcome: Welcome | None, preset: str) -> list[str]:
    """What a preset sets, a few words each; empty for a backend that does not tell."""
    tables = welcome.capabilities.get("preset_numbers", {}) if welcome else {}
    numbers = tables.get(preset, {}) if isinstance(tables, Mapping) else {}
    said = []
    for name, words in (
        ("texture_size", "{0} x {0} texels"),
        ("faces", "{0:,} faces"),
        ("steps", "{0} steps"),
        ("resolution", "grid of {0}"),
    ):
        value = numbers.get(name) if isinstance(numbers, Mapping) else None
        if isinstance(value, int) and not isinstance(value, bool):
            said.append(words.format(value))
    return said


def _as_avatars(each: Stored, preset: str) -> bool:
    return each.preset == preset and each.kind not in (*SLOW, "refine")


def _row(entry: Mapping[str, Any]) -> Stored | None:
    job_id, state, created = entry.get("job_id"), entry.get("state"), entry.get("created")
    if not isinstance(job_id, str) or not isinstance(state, str) or not isinstance(created, (int, float)):
        return None
    seconds = entry.get("seconds")
    known = isinstance(seconds, (int, float)) and math.isfinite(seconds)
    return Stored(
        job_id=job_id,
        name=str(entry.get("label") or f"Avatar {entry.get('seed', '')}".strip()),
        preset=str(entry.get("preset", "")),
        state=state,
        created=float(created),
        seconds=float(seconds) if known and seconds is not None else None,
        kind=str(entry.get("kind", "avatar")),
    )
