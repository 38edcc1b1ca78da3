# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders of long runs, found again by what is computed there: a run that was stopped goes on where it was."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

KEPT = 4
"""Stopped runs that stay; the oldest go first. A generator with its optimiser has some hundred megabytes."""


class WorkplaceError(Exception):
    """A folder that cannot be used; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@contextmanager
def workplace(root: Path, key: str) -> Iterator[Path]:
    """The folder of the run `key` below `root`, this process's alone while the block lasts; it stays afterwards.

    Raises WorkplaceError while another process, or another block, is at the same run, and where `root` takes no files.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = open(root / f"{key}.lock", "ab")  # noqa: SIM115 (the lock lasts as long as the file is open)
    except OSError as error:
        raise WorkplaceError(
            f"{root} takes no files: {error.strerror or error}", "Choose a folder with free space: MAQUETTE_MODELS."
        ) from error
    with lock:
        if not _locked(lock):
            raise WorkplaceError("the very same is being made already", "Wait for it; it is under way in another job.")
        folder = root / key
        folder.mkdir(exist_ok=True)
        os.utime(folder)
        _make_room(root, folder)
        yield folder


def clear(folder: Path) -> None:
    """Deletes a run's folder, best done inside its block: the run is over."""
    shutil.rmtree(folder, ignore_errors=True)


def _locked(file: IO[bytes]) -> bool:
    """Whether the file is ours now, until it is closed or this process ends, however it ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _make_room(root: Path, own: Path) -> None:
    others = sorted(
        (each for each in root.iterdir() if each.is_dir() and each != own), key=lambda each: each.stat().st_mtime
    )
    for folder in others[: max(len(others) + 1 - KEPT, 0)]:
        path = folder.with_name(f"{folder.name}.lock")
        with open(path, "ab") as lock:
            free = _locked(lock)
            if free:
                shutil.rmtree(folder, ignore_errors=True)
        if free:
            path.unlink(missing_ok=True)
