# SPDX-License-Identifier: GPL-3.0-or-later
"""Warnings that a stranger can cause, at most one per while: a log must not grow as fast as somebody knocks."""

import logging
import time
from collections.abc import Callable

SECONDS = 10.0


class Rarely:
    """Passes one warning on, counts those that follow too soon, and says how many they were with the next."""

    def __init__(
        self, log: logging.Logger, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log, self._seconds, self._clock = log, seconds, clock
        self._next = float("-inf")
        self._left_out = 0

    def warning(self, text: str, *values: object) -> None:
        """As a logger's own."""
        if self._clock() < self._next:
            self._left_out += 1
            return
        also = f" (and {self._left_out} more like it before)" if self._left_out else ""
        self._next, self._left_out = self._clock() + self._seconds, 0
        self._log.warning(text + also, *values)
