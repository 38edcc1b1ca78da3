# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage, fraction and remaining time: a bar on a terminal, plain lines elsewhere."""

import shutil
import sys
import time
from types import TracebackType
from typing import TextIO

REDRAW_SECONDS = 0.1
LINE_SECONDS = 10.0
"""Without a terminal, a stage that goes on says so this often."""
FULL, EMPTY = "━", "─"


class Bar:
    """Progress of one piece of work; a context manager.

    `with Bar() as bar: bar.update("sampling", 0.4)`; the fraction is of the whole work, not of the stage.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._terminal = self._stream.isatty()
        self._start = time.monotonic()
        self._shown_at = -LINE_SECONDS
        self._stage = ""

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def update(self, stage: str, fraction: float, remaining: float | None = None) -> None:
        """Shows where the work stands; the remaining seconds are extrapolated unless given."""
        now = time.monotonic()
        interval = REDRAW_SECONDS if self._terminal else LINE_SECONDS
        if stage == self._stage and now - self._shown_at < interval:
            return
        fraction = min(max(fraction, 0.0), 1.0)
        elapsed = now - self._start
        if remaining is None and fraction > 0.02 and elapsed > 1:
            remaining = elapsed * (1 - fraction) / fraction
        self._stage, self._shown_at = stage, now
        self._stream.write(self._line(stage, fraction, remaining))
        self._stream.flush()

    def note(self, sentence: str) -> None:
        """A line of its own, above the bar."""
        clear = "\r\x1b[K" if self._terminal else ""
        self._stream.write(f"{clear}{sentence}\n")
        self._stream.flush()

    def _line(self, stage: str, fraction: float, remaining: float | None) -> str:
        left = "" if remaining is None else f", {duration(remaining)} left"
        if not self._terminal:
            return f"{stage}: {fraction:.0%}{left}\n"
        text = f" {fraction:4.0%}  {stage}{left}"
        width = max(min(shutil.get_terminal_size().columns - len(text) - 1, 40), 0)
        done = round(width * fraction)
        return f"\r{FULL * done}{EMPTY * (width - done)}{text}\x1b[K"


def duration(seconds: float) -> str:
    """`8 s`, `2 min 05 s`, `1 h 20 min`."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
