# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs, their requests and their results on disk: neither a restart nor a client that went away loses anything.

SQLite knows which jobs there are and how they ended; the arrays lie beside it, one file of frames per message. The
portrait is deleted as soon as its job is over.
"""

import errno
import functools
import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from blender_addon.protocol import (
    ErrorCode,
    Failed,
    Finished,
    JobRequest,
    MeshReady,
    ProtocolError,
    TextureReady,
    decode_event,
    decode_request,
    encode,
    pack,
    unpack,
)

from .errors import JobError, ServiceError
from .retention import Kept, Retention, given_up

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    created REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    outcome BLOB,
    summary TEXT NOT NULL DEFAULT '{}',
    account TEXT NOT NULL DEFAULT '',
    priority TEXT,
    place INTEGER,
    size INTEGER
)
"""
LATER = {
    "summary": "ALTER TABLE jobs ADD COLUMN summary TEXT NOT NULL DEFAULT '{}'",
    "account": "ALTER TABLE jobs ADD COLUMN account TEXT NOT NULL DEFAULT ''",
    "priority": "ALTER TABLE jobs ADD COLUMN priority TEXT",
    "place": "ALTER TABLE jobs ADD COLUMN place INTEGER",
    "size": "ALTER TABLE jobs ADD COLUMN size INTEGER",
}
"""Columns that stores of older backends lack."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a write that does not fit ends with: no space, over the quota, over the process's limit."""

Frames = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A job without an outcome."""

    job_id: str
    attempts: int
    """Times it was begun."""
    account: str
    """Whose it is; "" for who reads this machine's connection file."""
    kind: str
    preset: str
    priority: str | None
    size: int
    """Bytes of its request on disk."""
    moved: bool = False
    """Its place in the queue was chosen."""


P = ParamSpec("P")
R = TypeVar("R")


def _explained(work: Callable[P, R]) -> Callable[P, R]:
    """Errors of disk and database as ServiceError."""

    @functools.wraps(work)
    def explained(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return work(*args, **kwargs)
        except (OSError, sqlite3.Error, ProtocolError) as error:
            if getattr(error, "errno", None) in FULL or "disk is full" in str(error):
                raise ServiceError(
                    "The disk of the backend's store is full.",
                    "Free some space, delete results you do not need, or start the backend with another --store.",
                ) from error
            raise ServiceError(f"The backend's store cannot be used: {error}.", "Look at its folder.") from error

    return explained


class Store:
    """The jobs of one server; a second one in the same folder is refused."""

    def __init__(self, folder: Path, retention: Retention | None = None) -> None:
        self.folder, self._retention = folder, retention or Retention()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / "jobs").mkdir(exist_ok=True, mode=0o700)
            # Made in one thread and used in another, by turns: a server may run in a thread of a test.
            self._database = sqlite3.connect(
                folder / "jobs.sqlite", timeout=0.2, isolation_level=None, check_same_thread=False
            )
            # The lock lasts as long as the process, however it ends.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            # A power failure may take back the last moments, which clients ask for again; a killed process nothing.
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("BEGIN EXCLUSIVE")
            self._database.execute(SCHEMA)
            columns = {row[1] for row in self._database.execute("PRAGMA table_info(jobs)")}
            for statement in (LATER[name] for name in LATER.keys() - columns):
                self._database.execute(statement)
            self._database.execute("COMMIT")
            self._sweep()
        except (OSError, sqlite3.Error, ProtocolError) as error:
            if "locked" in str(error):
                raise ServiceError(
                    f"Another backend already serves {folder}.", "Use that one, stop it, or choose another --store."
                ) from error
            raise ServiceError(f"The store {folder} cannot be opened: {error}.", "Choose another --store.") from error

    def close(self) -> None:
        """Gives the folder free."""
        self._database.close()

    @_explained
    def submit(self, request: JobRequest, account: str = "") -> bool:
        """Whether the job is new. Raises JobError if its id belongs to a different request, or to somebody else's."""
        frames = encode(request)
        digest = _digest(frames)
        row = self._database.execute("SELECT digest, account FROM jobs WHERE id = ?", [request.job_id]).fetchone()
        if row is None:
            place = self._place(request.job_id)
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(mode=0o700)
            try:
                _write(place / "JobRequest", frames)
            except OSError:
                shutil.rmtree(place, ignore_errors=True)
                raise
            summary = {
                "label": request.label or "", "kind": request.kind, "preset": request.preset, "seed": request.seed,
            }  # fmt: skip
            self._database.execute(
                "INSERT INTO jobs (id, digest, created, summary, account, priority) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    request.job_id,
                    digest,
                    time.time(),
                    json.dumps(summary | {"portrait": request.portrait is not None}),
                    account,
                    request.priority,
                ],
            )
            return True
        if row[0] != digest or (account and account != row[1]):
            raise JobError(
                ErrorCode.BAD_REQUEST, "Another request has this job's id.", "Give each new request an id of its own."
            )
        return False

    def knows(self, job_id: str, account: str = "") -> bool:
        """Whether the job was ever submitted here, by that account where one is named, and is still kept."""
        query = "SELECT 1 FROM jobs WHERE id = ? AND ? IN ('', account)"
        return self._database.execute(query, [job_id, account]).fetchone() is not None

    @_explained
    def begin(self, job_id: str) -> JobRequest:
        """The request of a job whose work starts now."""
        self._database.execute("UPDATE jobs SET attempts = attempts + 1 WHERE id = ?", [job_id])
        request = decode_request(_read(self._place(job_id) / "JobRequest"))
        if not isinstance(request, JobRequest):
            raise TypeError(f"{self._place(job_id)} holds a {type(request).__name__} instead of a request")
        return request

    @_explained
    def postpone(self, job_id: str) -> None:
        """The server ends on purpose: this attempt does not count."""
        self._database.execute("UPDATE jobs SET attempts = attempts - 1 WHERE id = ?", [job_id])

    @_explained
    def keep(self, event: MeshReady | TextureReady, frames: Frames) -> None:
        """Stores a result so far; the latest of its kind replaces the one before."""
        _write(self._place(event.job_id) / type(event).__name__, frames)

    @_explained
    def finish(self, event: Finished | Failed) -> None:
        """Stores how the job ended and deletes its request; the oldest results make room."""
        found = self._database.execute("SELECT summary FROM jobs WHERE id = ?", [event.job_id]).fetchone()
        # A recipe is large: the list of jobs must not have to read it.
        summary = json.loads(found[0] if found else "{}") | _ending(event)
        values = [bytes(encode(event)[0]), json.dumps(summary), event.job_id]
        self._database.execute("UPDATE jobs SET outcome = ?, summary = ? WHERE id = ?", values)
        (self._place(event.job_id) / "JobRequest").unlink(missing_ok=True)
        self._database.execute("UPDATE jobs SET size = ? WHERE id = ?", [self._held(event.job_id), event.job_id])
        self._prune()

    @_explained
    def results(self, job_id: str) -> list[list[bytes]]:
        """The stored events in order, as frames: mesh, latest texture, outcome."""
        place = self._place(job_id)
        names = [each.__name__ for each in (MeshReady, TextureReady)]
        stored = [_read(place / name) for name in names if (place / name).exists()]
        row = self._database.execute("SELECT outcome FROM jobs WHERE id = ?", [job_id]).fetchone()
        return stored + ([[row[0]]] if row and row[0] else [])

    @_explained
    def piece(self, job_id: str, kind: str, offset: int, length: int) -> bytes:
        """Bytes of a stored result's file."""
        with open(self._place(job_id) / kind, "rb") as file:
            file.seek(offset)
            return file.read(length)

    def unfinished(self) -> list[Unfinished]:
        """The jobs without an outcome: those whose places were chosen in that order, then the others, oldest first."""
        query = (
            "SELECT id, attempts, account, summary, priority, place FROM jobs WHERE outcome IS NULL "
            "ORDER BY place IS NULL, place, number"
        )
        found = []
        for job_id, attempts, account, summary, priority, chosen in self._database.execute(query).fetchall():
            path, told = self._place(job_id) / "JobRequest", json.loads(summary)
            kind, preset = str(told.get("kind", "avatar")), str(told.get("preset", ""))
            size = path.stat().st_size if path.exists() else 0
            found.append(Unfinished(job_id, attempts, account, kind, preset, priority, size, chosen is not None))
        return found

    @_explained
    def arrange(self, job_ids: Sequence[str]) -> None:
        """The queue as somebody chose it; it is the same after a restart."""
        self._database.execute("BEGIN")
        with self._database:  # commits, or takes all back
            self._database.executemany("UPDATE jobs SET place = ? WHERE id = ?", list(enumerate(job_ids)))

    @_explained
    def listed(self, limit: int, account: str = "") -> list[dict[str, Any]]:
        """The latest jobs, of that account where one is named, newest first, as in JobsListed; one without an outcome
        is "queued" here."""
        rows = self._database.execute(
            "SELECT id, created, summary, outcome FROM jobs WHERE ? IN ('', account) ORDER BY number DESC LIMIT ?",
            [account, limit],
        ).fetchall()
        return [_row(*row) for row in rows]

    @_explained
    def discard(self, job_id: str) -> bool:
        """Deletes a job that is over, with its results; false if it is not over or not known."""
        found = self._database.execute("DELETE FROM jobs WHERE id = ? AND outcome IS NOT NULL", [job_id]).rowcount
        if found:
            shutil.rmtree(self._place(job_id), ignore_errors=True)
        return bool(found)

    def restart(self, job_id: str) -> None:
        """Forgets results of an attempt that was interrupted."""
        for kind in (MeshReady, TextureReady):
            (self._place(job_id) / kind.__name__).unlink(missing_ok=True)

    def _prune(self) -> None:
        """Deletes what is beyond the limits."""
        query = "SELECT id, account, size FROM jobs WHERE outcome IS NOT NULL ORDER BY number"
        ended = [Kept(job_id, account, size or 0) for job_id, account, size in self._database.execute(query)]
        for job_id in given_up(ended, self._retention):
            self._database.execute("DELETE FROM jobs WHERE id = ?", [job_id])
            shutil.rmtree(self._place(job_id), ignore_errors=True)

    def _sweep(self) -> None:
        """Deletes what a killed server left between two steps: folders of no job, requests of jobs that are over."""
        rows = self._database.execute("SELECT id, outcome IS NOT NULL, size FROM jobs").fetchall()
        places = {self._place(job_id).name for job_id, _, _ in rows}
        for folder in (self.folder / "jobs").iterdir():
            if folder.name not in places:
                shutil.rmtree(folder, ignore_errors=True)
        for job_id, over, size in rows:
            for part in self._place(job_id).glob("*.part"):
                part.unlink(missing_ok=True)
            if over:
                (self._place(job_id) / "JobRequest").unlink(missing_ok=True)
            if over and size is None:
                self._database.execute("UPDATE jobs SET size = ? WHERE id = ?", [self._held(job_id), job_id])

    def _held(self, job_id: str) -> int:
        """Bytes of the job's folder."""
        place = self._place(job_id)
        return sum(file.stat().st_size for file in place.iterdir()) if place.exists() else 0

    def _place(self, job_id: str) -> Path:
        # Hashed: ids differ by case and may be called NUL, which some file systems do not bear.
        return self.folder / "jobs" / hashlib.sha256(job_id.encode()).hexdigest()[:32]


def _row(job_id: str, created: float, summary: str, outcome: bytes | None) -> dict[str, Any]:
    """One entry of JobsListed."""
    row = {
        "label": "",
        "kind": "avatar",
        "preset": "",
        "seed": 0,
        "portrait": False,
        "state": "queued",
        "seconds": None,
    }
    row |= json.loads(summary) | {"job_id": job_id, "created": created}
    if outcome is None:
        return row | {"state": "queued", "seconds": None}
    if row["state"] == "queued":  # ended under an older backend, which kept no more than the message
        row |= _ending(decode_event([outcome]))
    return row


def _ending(event: Any) -> dict[str, Any]:
    """How a job ended, as JobsListed has it."""
    if isinstance(event, Finished):
        seconds = event.recipe.get("seconds")
        return {"state": "done", "seconds": seconds.get("total") if isinstance(seconds, dict) else None}
    cancelled = isinstance(event, Failed) and event.code == ErrorCode.CANCELLED
    return {"state": "cancelled" if cancelled else "failed", "seconds": None}


def _digest(frames: Frames) -> str:
    """Of the request's meaning: the order of its options does not count, nor what the user calls it or when he wants
    it."""
    plain = json.loads(bytes(frames[0]))
    for name in ("label", "priority"):
        plain["fields"].pop(name, None)
    header = json.dumps(plain, sort_keys=True).encode()
    whole = hashlib.sha256()
    for frame in (header, *frames[1:]):
        whole.update(hashlib.sha256(frame).digest())
    return whole.hexdigest()


def _write(path: Path, frames: Frames) -> None:
    """The frames as `pack` has them; in one step."""
    fresh = path.with_name(path.name + ".part")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for part in pack(frames):
                file.write(part)
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)  # half a result only takes up what is short already
        raise


def _read(path: Path) -> list[bytes]:
    return [bytes(frame) for frame in unpack(path.read_bytes())]
