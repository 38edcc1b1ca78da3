# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting and stopping a backend on this machine, and finding the one that runs already. Nothing here blocks for long.

connection = find_running(store)
launched = None if connection else start(command_for(interpreter), store)
... on a timer: connection = launched.poll()        # None until it listens; LaunchError if it cannot
... or blocking: connection = launched.wait(60)
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from .protocol import CONNECTION_NAME, Connection, ErrorCode, ProtocolError, read_connection

LOG_NAME = "backend.log"
TAIL_BYTES = 4000
NO_PROGRAM = "no_program"
"""Beside the protocol's codes: there is nothing to start, the preferences have to say where it is."""
LOG_BYTES = 64 << 10
SAYS = "maquette: "
"""How the command line begins a complaint; its hint is the next line, indented."""


class LaunchError(Exception):
    """Why there is no backend: `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str, code: str = ErrorCode.NOT_READY) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        """For the button that helps, see `wording`."""


class Launched:
    """A backend that this process started."""

    def __init__(self, process: "subprocess.Popen[bytes]", store: Path, session_before: str) -> None:
        self.process = process
        self.store = store
        self._session_before = session_before

    @property
    def log(self) -> Path:
        """What the backend wrote."""
        return self.store / LOG_NAME

    def poll(self) -> Connection | None:
        """The connection once it listens, None before. Raises LaunchError when the process has ended."""
        if (status := self.process.poll()) is not None:
            message, hint = complaint(self.log)
            raise LaunchError(f"The backend ended at once ({_ending(status)}): {message}", hint)
        connection = _read(self.store)
        return connection if connection and connection.session != self._session_before else None

    def wait(self, seconds: float) -> Connection:
        """The connection, waiting for it. Raises LaunchError."""
        end = time.monotonic() + seconds
        while (connection := self.poll()) is None:
            if time.monotonic() > end:
                raise LaunchError(f"The backend did not listen within {seconds:.0f} s.", f"Its log is {self.log}.")
            time.sleep(0.05)
        return connection

    def stop(self, seconds: float = 5.0) -> None:
        """Ends the backend; unfinished jobs stay in its store and go on at the next start."""
        if self.process.poll() is None:
            if sys.platform == "win32":
                self.process.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def command_for(interpreter: str = "") -> list[str]:
    """The command up to `serve`: of a Python that has Maquette installed, or of `maquette` on the search path.

    Raises LaunchError if neither can be found.
    """
    if interpreter:
        if not (found := shutil.which(interpreter)):
            raise LaunchError(
                f"{interpreter} is no program.", "Choose the Python in which Maquette is installed.", NO_PROGRAM
            )
        is_python = Path(found).stem.lower().startswith("python")
        return [found, "-m", "backend", "serve"] if is_python else [found, "serve"]
    if found := shutil.which("maquette"):
        return [found, "serve"]
    raise LaunchError(
        "The maquette command is not on the search path.",
        "Install Maquette (pip install maquette), or choose its Python in the add-on's preferences.",
        NO_PROGRAM,
    )


def start(
    command: Sequence[str],
    store: Path,
    *,
    device: str = "auto",
    idle_exit: float | None = None,
    idle_unload: float | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Launched:
    """Starts `command` with the flags of serve; returns at once.

    `folder` is where it runs: a checkout, for a Python without Maquette installed. Raises LaunchError.
    """
    store.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = _read(store)
    flags = ["--store", str(store), "--device", device]
    if idle_exit is not None:
        flags += ["--idle-exit", str(idle_exit)]
    if idle_unload is not None:
        flags += ["--idle-unload", str(idle_unload)]
    # Blender's own Python home would keep another interpreter from finding its library.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    windows_flags = 0
    if sys.platform == "win32":
        windows_flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    try:
        with open(store / LOG_NAME, "wb") as log:
            process = subprocess.Popen(
                [*command, *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**inherited, **(environment or {})},
                start_new_session=True,  # an interrupt typed into Blender's terminal is not meant for it
                creationflags=windows_flags,
            )
    except OSError as error:
        raise LaunchError(
            f"{command[0]} cannot be started: {error.strerror or error}.", "Choose another interpreter.", NO_PROGRAM
        ) from error
    return Launched(process, store, before.session if before else "")


def find_running(store: Path) -> Connection | None:
    """The connection of the backend that serves this store, if something listens there."""
    connection = _read(store)
    if connection is None:
        return None
    parts = urlsplit(connection.address)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=0.5):
            return connection
    except (OSError, ValueError):
        return None


def log_tail(store: Path, lines: int = 200) -> str:
    """The end of what the backend and its workers wrote, one headed part per file; empty if there is none."""
    parts = []
    for path in [store / LOG_NAME, *sorted(store.glob("worker-*.log"))]:
        try:
            with open(path, "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES))
                text = file.read().decode(errors="replace")
        except OSError:
            continue
        parts.append("\n".join([f"== {path}", *text.splitlines()[-lines:], ""]))
    return "\n".join(parts)


def complaint(log: Path) -> tuple[str, str]:
    """Why a backend ended, from the tail of its log, and what to do: its own words, or else its last line."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        text = ""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    hint = f"Its log is {log}."
    for place, line in enumerate(lines):
        if line.startswith(SAYS):
            own = lines[place + 1].strip() if lines[place + 1 :] and lines[place + 1].startswith("  ") else hint
            return line.removeprefix(SAYS)[:300], own[:300]
    return (lines[-1].strip()[:300] if lines else "it wrote nothing"), hint


def _read(store: Path) -> Connection | None:
    try:
        return read_connection(store / CONNECTION_NAME)
    except ProtocolError:
        return None


def _ending(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"
