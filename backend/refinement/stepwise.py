# SPDX-License-Identifier: GPL-3.0-or-later
"""A blocking call that reports by callback, as a generator that can be closed."""

import threading
from collections.abc import Callable, Generator
from queue import SimpleQueue
from typing import Any


class _Cancelled(BaseException):
    """Leaves the call from inside its callback; no `except Exception` on the way stops it."""


def stepwise(call: Callable[[Callable[[Any], None]], Any]) -> Generator[Any, None, Any]:
    """Yields what `call` tells its argument, and returns what it returns; its exceptions are raised here.

    The call runs in a thread that waits while the caller looks at a report, so the two never run at once. Closing the
    generator raises inside the call's present report.
    """
    reports: SimpleQueue[tuple[str, Any]] = SimpleQueue()
    go_on = threading.Semaphore(0)
    cancelled = threading.Event()

    def told(report: Any) -> None:
        reports.put(("report", report))
        go_on.acquire()
        if cancelled.is_set():
            raise _Cancelled

    def work() -> None:
        try:
            reports.put(("result", call(told)))
        except _Cancelled:
            reports.put(("cancelled", None))
        except BaseException as error:
            reports.put(("error", error))

    thread = threading.Thread(target=work, name="stepwise", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = reports.get()
            if kind == "report":
                yield value
                go_on.release()
                continue
            if kind == "error":
                raise value
            return value
    finally:
        cancelled.set()
        go_on.release()
        thread.join()
