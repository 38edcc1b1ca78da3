# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's only lasting state: the connection, a backend started here, and the jobs whose avatars it brings.

Nothing blocks and nothing runs in a thread: `pump` is called ten times a second by Blender's timers, takes what came
and writes it into the scene. Where there is no window, timers do not run and operators call `Session.wait` instead.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .avatars import Avatar
from .client import STARTING_SECONDS, Client, State
from .jobs import JobState, Phase, cancelling, coalesce
from .launcher import Launched, LaunchError, command_for, find_running
from .launcher import start as launch
from .preferences import absolute, check_allowed, endpoint, preferences
from .probe import Probe, Verdict
from .protocol import (
    CONNECTION_NAME,
    Applied,
    Cancel,
    ErrorCode,
    Event,
    Failed,
    Finished,
    Follow,
    JobRequest,
    JobsListed,
    ListJobs,
    ProtocolError,
    Refused,
    Request,
    TextureReady,
    Welcome,
    default_store,
    encode,
    read_connection,
)
from .scene import asset, tags, view
from .scene.pictures import Pictures
from .shelf import Stored, rows, takes

INTERVAL = 0.1
"""Seconds between two looks at the connection; `IDLE` where there is none."""
IDLE = 0.5
SOON = 0.01
"""Where something is left to write: Blender draws and listens to the user in between."""
BUDGET = 0.02
"""Seconds of one tick after which what remains waits for the next; a step takes some milliseconds."""
KEPT = 8
"""Jobs that are over and stay listed, with the payload by which undo and redo bring back the final texture."""
LAUNCH_SECONDS = 60.0
ORPHAN_SECONDS = 900.0
"""A backend started here ends by itself when it had no jobs and no clients for so long: Blender may have crashed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no backend."""

    code: str
    message: str
    hint: str = ""


class Session:
    """One connection and its jobs."""

    def __init__(self) -> None:
        self.client: Client | None = None
        self.launched: Launched | None = None
        self.starting = False
        """A backend was started here and does not listen yet."""
        self.problem: Problem | None = None
        self.avatars: dict[str, Avatar] = {}
        self.probe: Probe | None = None
        """A test of the connection that is under way."""
        self.verdict: Verdict | None = None
        """What the last one came to."""
        self.stored: list[Stored] = []
        """What the backend keeps, newest first; empty for one that does not tell."""
        self.pictures: Pictures | None = None if bpy.app.background else Pictures()
        self._events: deque[Event] = deque()
        self._writing: Iterator[None] | None = None
        """The event that is on its way into the scene."""
        self._shown: object = None

    @property
    def ready(self) -> bool:
        """Whether the backend answered and is there."""
        return self.client is not None and self.client.state is State.READY

    def start_backend(self) -> None:
        """Starts a backend, or connects to the one that runs here already. Raises LaunchError."""
        self.problem = None
        store = default_store()
        if find_running(store) is None:
            settings = preferences()
            interpreter, folder = (absolute(each) for each in (settings.interpreter, settings.folder))
            command = command_for(interpreter)
            self.launched = launch(
                command,
                store,
                device=settings.device,
                idle_exit=ORPHAN_SECONDS,
                idle_unload=60.0 * settings.idle_unload or None,
                folder=Path(folder) if folder else None,
            )
            self.starting = True
            self._disconnect()
        else:
            self._connect(store / CONNECTION_NAME)

    def connect(self) -> None:
        """Connects to the backend of the preferences' connection file. Raises ProtocolError."""
        self.problem = None
        check_allowed(read_connection(endpoint()))
        self._connect(endpoint())

    def test_connection(self) -> None:
        """Begins to find out whether that backend can be reached; `verdict` tells. Raises ProtocolError."""
        path = endpoint()
        if path.exists():
            check_allowed(read_connection(path))
        self.end_test()
        self.verdict, self.probe = None, Probe(path, f"Blender {bpy.app.version_string}")

    def end_test(self) -> None:
        """Drops a test that is under way."""
        if self.probe is not None:
            self.probe.close()
        self.probe = None

    def stop_backend(self) -> None:
        """Leaves the backend, and ends it if it was started here; unfinished jobs go on at its next start."""
        self._disconnect()
        self.problem, self.starting, self.stored = None, False, []
        if self.launched is not None:
            self.launched.stop()
            self.launched = None

    def wait_ready(self, seconds: float) -> None:
        """Waits for the backend's Welcome, blocking. Raises LaunchError or ProtocolError."""
        if self.starting and self.launched is not None:
            self.launched.wait(seconds)
            self.starting = False
            self._connect(self.launched.store / CONNECTION_NAME)
        if self.client is None:
            raise ProtocolError(ErrorCode.NOT_READY, "There is no connection to a backend; start one first.")
        self.client.connect(seconds)

    def _connect(self, path: Path) -> None:
        self._disconnect()
        self.client = Client(path, f"Blender {bpy.app.version_string}")
        # Jobs that were under way are asked for again: what is stored is replayed, what follows comes.
        for each in self.avatars.values():
            if not each.job.phase.over:
                self.client.send(each.request or Follow(each.job.job_id))

    def _disconnect(self) -> None:
        if self.client is not None:
            self.client.close()
            self.client = None
        self._events.clear()
        self._writing = None

    def can(self, kind: str) -> bool:
        """Whether there is a backend that understands such a request."""
        return self.ready and self.client is not None and takes(self.client.welcome, kind)

    def submit(self, request: JobRequest, name: str, scene: str, portrait: str = "", target: Any = None) -> Avatar:
        """Hands a request to the backend; `target` is a `dress.Target` or None. Raises ProtocolError."""
        if self.client is None:
            raise ProtocolError(ErrorCode.NOT_READY, "There is no connection to a backend; start one first.")
        self.client.send(request)
        return self._remember(Avatar(JobState(request.job_id), name, scene, request, portrait, target))

    def ask(self, message: Request) -> None:
        """Sends what only newer backends understand, where it is understood; the answer comes as an event."""
        if self.client is not None and self.can(type(message).__name__):
            self.client.send(message)

    def follow(self, job_id: str, name: str, scene: str) -> None:
        """Asks for the rest of a job that an earlier Blender submitted. Raises ProtocolError for what is no job id."""
        if job_id not in self.avatars:
            encode(Follow(job_id))
            self._remember(Avatar(JobState(job_id), name, scene))
            if self.client is not None:
                self.client.send(Follow(job_id))

    def cancel(self, job_id: str) -> None:
        """Asks the backend to stop a job; without a backend it is over at once."""
        work = self.avatars[job_id]
        work.job = cancelling(work.job)
        if self.client is not None:
            self.client.send(Cancel(job_id))
        if not self.ready:
            self.take(Failed(job_id, ErrorCode.CANCELLED, "Cancelled while there was no connection."))

    def dismiss(self, job_id: str) -> None:
        """Takes a job that is over off the panel; its avatar stays."""
        del self.avatars[job_id]
        if self.pictures is not None:
            self.pictures.forget(job_id)

    def wait(self, job_id: str, say: Callable[[JobState], None]) -> JobState:
        """Blocks until the job is over, telling each change; a backend that stays away fails it."""
        away: float | None = None
        work = self.avatars[job_id]
        while not work.job.phase.over and self.client is not None:
            for event in coalesce(self.client.wait(0.25)):
                self.take(event)
                say(work.job)
            now = time.monotonic()
            away = None if self.ready else (away or now)
            if away is not None and (self.client.state is State.REFUSED or now > away + STARTING_SECONDS):
                self.take(Failed(job_id, ErrorCode.NOT_READY, self.client.problem or "The backend does not answer."))
                say(work.job)
        return work.job

    def _remember(self, work: Avatar) -> Avatar:
        self.avatars[work.job.job_id] = work
        over = [key for key, each in self.avatars.items() if each.job.phase.over]
        for key in over[: max(len(over) - KEPT, 0)]:
            self.dismiss(key)
        return work

    def pump(self) -> float:
        """One tick: at most about BUDGET seconds of work. Returns the seconds until the next."""
        self._watch_backend()
        if self.probe is not None and (verdict := self.probe.poll()) is not None:
            self.verdict, self.probe = verdict, None
            view.redraw()
        if self.client is None:
            return INTERVAL if self.probe is not None else IDLE
        if not bpy.app.is_job_running("RENDER"):  # the scene may not change under a render
            self._events = deque(coalesce([*self._events, *self.client.drain()]))
            self._work(time.monotonic() + BUDGET)
        shown = (self.client.state, self.client.welcome, *(each.job for each in self.avatars.values()))
        if shown != self._shown:
            self._shown = shown
            view.redraw()
        return SOON if self._writing or self._events else INTERVAL

    def _work(self, end: float) -> None:
        """Goes on with what came, in order, until the clock says `end`."""
        while time.monotonic() < end and (self._writing or self._events):
            self._writing = self._writing or self._steps(self._events.popleft())
            if next(self._writing, self) is self:  # steps are None
                self._writing = None

    def _watch_backend(self) -> None:
        if self.launched is None:
            return
        try:
            if self.starting:
                if self.launched.poll() is not None:
                    self.starting = False
                    self._connect(self.launched.store / CONNECTION_NAME)
                    view.redraw()
            elif self.launched.process.poll() is not None:
                sentence = f"The backend has ended; its log is {self.launched.log}."
                raise LaunchError(sentence, "Start it again: unfinished jobs go on.")
        except LaunchError as error:
            self.problem = Problem(error.code, error.message, error.hint)
            self.launched, self.starting = None, False
            view.redraw()

    def take(self, event: Event) -> None:
        """Notes an event and brings the scene up to date with it, at once."""
        for _ in self._steps(event):
            pass

    def _steps(self, event: Event) -> Iterator[None]:
        """The same, little by little."""
        match event:
            case Welcome():
                self.ask(ListJobs())
            case JobsListed():
                self.stored = rows(event)
                view.redraw()
        work = self.avatars.get(getattr(event, "job_id", ""))
        if work is None:
            if isinstance(event, Refused):
                self.problem = Problem(event.code, event.message, event.hint)
            return
        yield from work.advance(event)
        if isinstance(event, TextureReady) and work.job.phase is not Phase.CANCELLING and self.client is not None:
            self.client.send(Applied(event.job_id, event.level))
        if isinstance(event, (Finished, Failed)):
            self.ask(ListJobs())

    def restore(self) -> None:
        """After undo or redo: avatars that are in the scene get their latest texture and recipe again."""
        for work in self.avatars.values():
            if work.stands:
                work.show()

    def attach(self) -> None:
        """After a file was loaded: what was under way when it was saved is asked for again."""
        wanted = [(each[tags.JOB], each.name, each.users_scene[0].name) for each in tags.unfinished()]
        wanted += tags.take_pending()
        for job_id, name, scene in wanted:
            try:
                self.follow(job_id, name, scene)
            except ProtocolError as error:  # a .blend from elsewhere may say anything
                log.warning("%s is not followed: %s", name, error)

    def note_pending(self) -> None:
        """Before a file is saved: the jobs whose avatars it does not hold yet are noted in their scenes."""
        for scene in bpy.data.scenes:
            pending = {
                key: each.name
                for key, each in self.avatars.items()
                if each.scene == scene.name and not each.job.phase.over and not each.stands
            }
            tags.store_pending(scene, pending)

    def close(self) -> None:
        """Leaves the backend, and ends it if it was started here and the preferences say so."""
        self._disconnect()
        self.end_test()
        if self.launched is not None and preferences().stop_with_blender:
            self.launched.stop()
        self.launched = None
        if self.pictures is not None:
            self.pictures.close()
            self.pictures = None


_session: Session | None = None


def current() -> Session:
    """The session; there is one from `start` to `stop`."""
    assert _session is not None, "blender_addon.register() has not run"
    return _session


def start() -> None:
    """Opens the session, its timer and its handlers."""
    global _session
    _session = Session()
    for handlers, handler in _handlers():
        handlers.append(handler)
    if not bpy.app.background:
        bpy.app.timers.register(pump, first_interval=INTERVAL, persistent=True)


def stop() -> None:
    """Undoes `start`."""
    global _session
    if bpy.app.timers.is_registered(pump):
        bpy.app.timers.unregister(pump)
    for handlers, handler in _handlers():
        if handler in handlers:
            handlers.remove(handler)
    if _session is not None:
        _session.close()
        _session = None


def pump() -> float:
    """What the timer calls."""
    return current().pump()


@bpy.app.handlers.persistent
def _after_undo(*_: object) -> None:
    current().restore()


@bpy.app.handlers.persistent
def _after_load(*_: object) -> None:
    current().attach()


@bpy.app.handlers.persistent
def _before_save(*_: object) -> None:
    current().note_pending()


def _handlers() -> tuple[tuple[list, Callable[..., None]], ...]:
    handlers = bpy.app.handlers
    return (
        (handlers.undo_post, _after_undo),
        (handlers.redo_post, _after_undo),
        (handlers.load_post, _after_load),
        (handlers.save_pre, _before_save),
        (handlers.save_post, asset.after_save),
    )
