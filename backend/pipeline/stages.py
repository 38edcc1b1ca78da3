# SPDX-License-Identifier: GPL-3.0-or-later
"""One smooth fraction over stages of unequal length, the time that is left, and the seconds each stage took."""

import time
from collections.abc import Callable, Mapping

import numpy as np

from .events import Progress

CONFIDENT_AFTER = 0.08
"""Fraction from which the remaining time is worth saying."""


class Stages:
    """A clock for one job; the expected seconds only set the stages' shares, not the estimate itself."""

    def __init__(self, expected: Mapping[str, float], clock: Callable[[], float] = time.monotonic) -> None:
        total = sum(expected.values())
        self._shares = {name: seconds / total for name, seconds in expected.items()}
        self._clock = clock
        self._start = self._entered = clock()
        self._stage: str | None = None
        self._done = 0.0
        self._highest = 0.0
        self._seconds: dict[str, float] = {}

    def enter(self, stage: str) -> Progress:
        """Ends the stage before and starts this one; stages come in the order they were given, none twice."""
        self._leave()
        self._stage, self._entered = stage, self._clock()
        return self.progress(0.0)

    def progress(self, within: float, preview: np.ndarray | None = None, stage: str | None = None) -> Progress:
        """Where the job stands when this part of the current stage is done; `stage` may word it more exactly."""
        assert self._stage is not None
        fraction = self._done + self._shares[self._stage] * min(max(within, 0.0), 1.0)
        self._highest = fraction = max(fraction, self._highest)
        elapsed = self._clock() - self._start
        known = fraction > CONFIDENT_AFTER and elapsed > 0.5
        remaining = elapsed * (1 - fraction) / fraction if known else None
        return Progress(stage or self._stage, min(fraction, 1.0), remaining, preview)

    def finish(self) -> dict[str, float]:
        """Seconds of each stage and of the whole job (`total`)."""
        self._leave()
        return self._seconds | {"total": round(self._clock() - self._start, 3)}

    def _leave(self) -> None:
        if self._stage is not None:
            self._seconds[self._stage] = round(self._clock() - self._entered, 3)
            self._done += self._shares[self._stage]
            self._stage = None
