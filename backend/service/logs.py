# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens in server and workers, one JSON object per line, in files that stay small and are their owner's alone.

{"time": "2026-11-21T15:00:00.123Z", "level": "info", "where": "backend.service.desk", "event": "job 3f: finished",
 "job": "3f", "process": 4711}

`job` stands where the event belongs to one; `trace` where an exception caused it. Keys and portraits are never logged,
and should one slip into a sentence, keys that were named to `hide` are struck out.
"""

import json
import logging
import logging.handlers
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

Level = Literal["debug", "info", "warning", "error"]
SERVER_LOG = "server.jsonl"
"""In the store; a worker's is `worker-DEVICE.jsonl`."""
MAX_BYTES, OLDER_FILES = 4 << 20, 3
MAX_EVENT, MAX_TRACE = 4000, 16_000
"""Characters."""
STRUCK = "[hidden]"
LOGGER = "backend"

_job: ContextVar[str] = ContextVar("job", default="")


@contextmanager
def about(job_id: str) -> Iterator[None]:
    """All that is logged inside belongs to this job, whoever logs it."""
    token = _job.set(job_id)
    try:
        yield
    finally:
        _job.reset(token)


class JsonLines(logging.Formatter):
    """A record as one line."""

    def __init__(self) -> None:
        super().__init__()
        self._hidden: set[str] = set()

    def hide(self, *secrets: str) -> None:
        """Strikes these out from now on."""
        self._hidden.update(filter(None, secrets))

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, Any] = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "where": record.name,
            "event": self._clean(record.getMessage())[:MAX_EVENT],
        }
        if job := getattr(record, "job", "") or _job.get():
            entry["job"] = job
        entry["process"] = record.process
        if record.exc_info:
            entry["trace"] = self._clean(self.formatException(record.exc_info))[-MAX_TRACE:]
        return json.dumps(entry)

    def _clean(self, text: str) -> str:
        for secret in self._hidden:
            text = text.replace(secret, STRUCK)
        return text


class LogFile(logging.handlers.RotatingFileHandler):
    """The file; a full disk costs its lines and nothing else."""

    def __init__(self, path: Path, level: Level = "info") -> None:
        self.lines = JsonLines()
        super().__init__(path, maxBytes=MAX_BYTES, backupCount=OLDER_FILES, encoding="utf-8", delay=True)
        self.setLevel(level.upper())
        self.setFormatter(self.lines)

    def _open(self) -> Any:
        os.close(os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:
        """Says nothing: the place to say it is what failed."""


@contextmanager
def logged(path: Path, level: Level = "info") -> Iterator[LogFile]:
    """Writes what the backend logs into the file until left."""
    logger = logging.getLogger(LOGGER)
    handler = LogFile(path, level)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(handler.level, logging.INFO))
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        handler.close()
