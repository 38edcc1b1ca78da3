# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose turn it is: fair between those who share the backend, in order within each.

Start-time fair queueing (Goyal, Vin and Cheng 1996) over seconds of work. Each share (an artist, say) has an account of
what it got; the next job is of the share that got least, so that fifty jobs of one delay the first job of another by
one job and not by fifty. Who comes back from a pause starts where the others are: nobody saves up turns. What a job
will cost is guessed by its preset and corrected when it is over.

Within a share jobs go by priority, then in order. Across shares no priority counts but one: "low" waits until nobody
has anything else to do, so a crowd can be left to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from itertools import accumulate

from blender_addon.protocol import PRIORITIES

LOW = "low"
RANKS = {name: rank for rank, name in enumerate(PRIORITIES)}
"""The first goes first."""
SECONDS = {"draft": 10.0, "standard": 30.0, "high": 90.0, "imagine": 300.0, "adapt": 600.0}
"""What jobs of these presets and kinds take, until it was measured here."""
UNKNOWN_SECONDS = 30.0
LEARNING = 0.3
"""Share of the latest job in what is expected of the next one like it."""


@dataclass(slots=True)
class Waiting:
    """A job before its turn."""

    job_id: str
    share: str
    like: str
    """What costs about the same: see `likeness`."""
    low: bool
    rank: int
    number: int
    """In the order of arrival."""


def likeness(kind: str, preset: str) -> str:
    """What jobs that cost about the same have in common: the preset, but for what takes minutes at every preset."""
    return kind if kind in SECONDS else preset


class Turns:
    """The jobs that wait, and what each share got so far."""

    def __init__(self) -> None:
        self._lines: dict[str, list[Waiting]] = {}
        """Per share, in its own order; never an empty one."""
        self._got: dict[str, float] = {}
        """Seconds per share, forgotten when nobody waits and nobody works."""
        self._running: dict[str, tuple[str, str, float]] = {}
        """Job -> (share, like, seconds that were charged for it)."""
        self._seconds = dict(SECONDS)
        self._count = 0
        self._order: list[str] | None = None

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def __contains__(self, job_id: str) -> bool:
        return self._find(job_id) is not None

    def put(self, job_id: str, share: str, like: str = "", priority: str | None = None, last: bool = False) -> None:
        """The job waits from now on, behind those of its share that are as urgent; behind all of them if `last`."""
        if not self._lines and not self._running:
            self._got.clear()
        self._start(share)
        self._count += 1
        rank = RANKS.get(priority or "normal", RANKS["normal"])
        line = self._lines.setdefault(share, [])
        place = next((place for place, each in enumerate(line) if each.rank > rank and not last), len(line))
        line.insert(place, Waiting(job_id, share, like, priority == LOW, rank, self._count))
        self._order = None

    def take(self) -> str | None:
        """The job whose turn it is, which is at work from now on."""
        waiting = next(self._foreseen(), None)
        if waiting is None:
            return None
        share = waiting.share
        self._lines[share].remove(waiting)
        if not self._lines[share]:
            del self._lines[share]
        seconds = self._expected(waiting.like)
        self._got[share] += seconds
        self._running[waiting.job_id] = (share, waiting.like, seconds)
        # What comes next was foreseen, and nothing happened that was not.
        self._order = self._order[1:] if self._order else None
        return waiting.job_id

    def goes_before(self, job_id: str, seconds: float) -> bool:
        """Whether another kind of job would be next if this one, at work for so long, went back to wait. What is low
        waits for the end of everything else anyway."""
        upcoming = next(self._foreseen(), None)
        if upcoming is None or upcoming.low or job_id not in self._running:
            return False
        share, like, charged = self._running[job_id]
        if upcoming.like == like or upcoming.share == share:
            return upcoming.like != like
        return self._got[upcoming.share] <= self._got[share] - charged + seconds

    def settle(self, job_id: str, seconds: float, done: bool = True) -> None:
        """The job took so long, and no longer works; `done`: others like it will take as long."""
        running = self._running.pop(job_id, None)
        if running is None:
            return
        share, like, charged = running
        if share in self._got:
            self._got[share] += seconds - charged
        if done:
            known = self._seconds.get(like)
            self._seconds[like] = seconds if known is None else known + LEARNING * (seconds - known)
        self._order = None

    def remove(self, job_id: str) -> bool:
        """The job waits no longer; false if it did not."""
        waiting = self._find(job_id)
        if waiting is None:
            return False
        line = self._lines[waiting.share]
        line.remove(waiting)
        if not line:
            del self._lines[waiting.share]
        self._order = None
        return True

    def move(self, job_id: str, place: int) -> bool:
        """Brings the job as near to this place of the whole queue as its share's own turns allow; false if it does
        not wait. What it passes of its share is then as urgent as it is."""
        waiting = self._find(job_id)
        if waiting is None:
            return False
        others = [each for each in self.order() if each != job_id]
        ahead = set(others[:place])
        line = self._lines[waiting.share]
        line.remove(waiting)
        line.insert(sum(each.job_id in ahead for each in line), waiting)
        self._order = None
        return True

    def adopt(self, job_id: str, share: str) -> None:
        """A job that waits becomes this share's: whose it was is gone, and this one asked for it."""
        waiting = self._find(job_id)
        if waiting is None or waiting.share == share:
            return
        self.remove(job_id)
        self._start(share)
        line = self._lines.setdefault(share, [])
        key = (waiting.rank, waiting.number)
        place = next((place for place, each in enumerate(line) if (each.rank, each.number) > key), len(line))
        waiting.share = share
        line.insert(place, waiting)

    def order(self) -> list[str]:
        """All that wait in the order in which they will begin, as far as can be foreseen."""
        if self._order is None:
            self._order = [each.job_id for each in self._foreseen()]
        return list(self._order)

    def waiting_of(self, share: str) -> int:
        """How many jobs of this share wait."""
        return len(self._lines.get(share, ()))

    def line_of(self, job_id: str) -> list[str]:
        """The jobs of its share that wait, in their order; none if it does not wait."""
        return [each.job_id for each in self._lines.get(self.share_of(job_id) or "", ())]

    def share_of(self, job_id: str) -> str | None:
        """Whose the job is, while it waits."""
        waiting = self._find(job_id)
        return None if waiting is None else waiting.share

    def _foreseen(self) -> Iterator[Waiting]:
        """All that wait, in turn: of the share that got least, or else waits longest; what is low after all others."""
        got = dict(self._got)
        for low in (False, True):
            lines = {share: [each for each in line if each.low is low] for share, line in self._lines.items()}
            oldest = {
                share: list(accumulate((each.number for each in reversed(line)), min)) for share, line in lines.items()
            }
            turns = [(got[share], oldest[share][-1], share) for share, line in lines.items() if line]
            heapify(turns)
            while turns:
                *_, share = turns[0]
                waiting = lines[share][-len(oldest[share])]
                oldest[share].pop()
                got[share] += self._expected(waiting.like)
                if oldest[share]:
                    heapreplace(turns, (got[share], oldest[share][-1], share))
                else:
                    heappop(turns)
                yield waiting

    def _start(self, share: str) -> None:
        # What is charged for a job at work counts from its end on: a newcomer goes before the next of who works.
        got = {each: self._got[each] for each in self._lines}
        for each, _, charged in self._running.values():
            got[each] = got.get(each, self._got[each]) - charged
        if share not in got:
            self._got[share] = max(self._got.get(share, 0.0), min(got.values(), default=0.0))

    def _expected(self, like: str) -> float:
        return self._seconds.get(like, UNKNOWN_SECONDS)

    def _find(self, job_id: str) -> Waiting | None:
        return next((each for line in self._lines.values() for each in line if each.job_id == job_id), None)
