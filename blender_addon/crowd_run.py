# SPDX-License-Identifier: GPL-3.0-or-later
"""The crowd that is under way: carried by a timer in short ticks, on a connection of its own, or waited for."""

import logging
import time
from collections.abc import Callable, Generator
from pathlib import Path

import bpy

from . import crowd_scene, session
from .client import Client
from .crowd.gather import Told, through
from .crowd.spec import CrowdSpec
from .crowd.store import Store
from .preferences import preferences
from .protocol import ErrorCode, ProtocolError, default_store
from .scene import view

BUDGET = 0.02
"""Seconds of one tick after which what remains waits for the next."""
INTERVAL, SOON = 0.1, 0.01
CONNECT_SECONDS = 10.0

log = logging.getLogger(__name__)


class Run:
    """One crowd from the click to the objects."""

    def __init__(self, scene: bpy.types.Scene, spec: CrowdSpec, client: Client, blocking: bool) -> None:
        self.total = spec.total
        self.told = Told(0, len(spec.sources), "waiting")
        self.message = self.hint = ""
        """Why there is no crowd; empty while there may be one."""
        self.crowd: crowd_scene.Crowd | None = None
        self.over = False
        self._client = client
        welcome = client.welcome
        self._steps: Generator[Told, None, crowd_scene.Crowd] = crowd_scene.populate(
            scene,
            spec,
            people_folder(),
            through(client, 0.25 if blocking else 0),
            welcome.capabilities if welcome else {},
        )

    def step(self) -> bool:
        """One step; false where nothing was new, so that a timer may rest."""
        try:
            told = next(self._steps)
        except StopIteration as done:
            self.crowd = done.value
            self._end()
            return False
        except (KeyError, ReferenceError):  # undo, or another file, took away what was being placed
            log.info("the crowd was given up", exc_info=True)
            self._end("The crowd was undone while it was being placed.", "Populate again: the people are kept.")
            return False
        except Exception as error:
            # A timer that raises would never be called again.
            if not isinstance(message := getattr(error, "message", None), str):
                log.exception("the crowd could not be made")
                message = f"The crowd could not be made: {error}"
            self._end(message, getattr(error, "hint", ""))
            return False
        fresh, self.told = told != self.told, told
        return fresh

    def cancel(self) -> None:
        """Stops; finished people are kept for the next time."""
        if not self.over:
            self._steps.close()
            self._end("Cancelled; finished people are kept.", "Populate again, and it goes on.")

    def _end(self, message: str = "", hint: str = "") -> None:
        self.message, self.hint, self.over = message, hint, True
        self._client.close()


_run: Run | None = None


def current() -> Run | None:
    """The crowd under way, or the last one until it is dismissed."""
    return _run


def under_way() -> bool:
    """Whether there is one that has not ended."""
    return _run is not None and not _run.over


def begin(scene: bpy.types.Scene, spec: CrowdSpec, *, blocking: bool) -> Run:
    """Starts a crowd; `blocking` leaves the steps to `wait`. Raises ProtocolError."""
    global _run
    live = session.current()
    if live.client is None:
        raise ProtocolError(ErrorCode.NOT_READY, "There is no connection to a backend; start one first.")
    # Its own connection: the session's ends with a file or a setting, and takes its events for avatars.
    client = Client(live.client.endpoint, f"Blender {bpy.app.version_string}, crowd")
    try:
        client.connect(CONNECT_SECONDS)
    except ProtocolError:
        client.close()
        raise
    _run = Run(scene, spec, client, blocking)
    if not blocking and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=SOON, persistent=True)
    return _run


def wait(run: Run, say: Callable[[Told], None]) -> None:
    """Carries it to its end, telling each change; an interrupt cancels it."""
    try:
        while not run.over:
            if run.step():
                say(run.told)
    except KeyboardInterrupt:
        run.cancel()


def dismiss() -> None:
    """Forgets one that is over."""
    global _run
    if not under_way():
        _run = None


def stop() -> None:
    """With the add-on: cancels and forgets."""
    global _run
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    if _run is not None:
        _run.cancel()
        _run = None


def people_folder() -> Store:
    """Where finished people are kept: the extension's own folder, else beside the backend's store."""
    root = __package__ or ""
    try:
        return Store(Path(bpy.utils.extension_path_user(root, path="people", create=True)))
    except ValueError:  # not installed as an extension: a script imported the package
        return Store(default_store() / "people")


def _tick() -> float | None:
    run = _run
    if run is None or run.over:
        return None
    busy = False
    if not bpy.app.is_job_running("RENDER"):  # the scene may not change under a render
        end = time.monotonic() + BUDGET
        busy = run.step()
        while busy and not run.over and time.monotonic() < end:
            busy = run.step()
    view.redraw()
    if (made := run.crowd) is not None:
        if preferences().show_textures:
            for space in view.views():
                view.show_textures(space)
        _push_undo(f"Maquette: {made.collection}")
    return SOON if busy else INTERVAL  # one more tick than needed where it is over


def _push_undo(message: str) -> None:
    windows = bpy.context.window_manager.windows
    if windows:
        with bpy.context.temp_override(window=windows[0]):  # a timer has no window of its own
            if bpy.ops.ed.undo_push.poll():
                bpy.ops.ed.undo_push(message=message)
