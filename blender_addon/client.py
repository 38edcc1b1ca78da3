# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to a backend that heals itself: one DEALER socket, used from one thread, never blocking unless asked.

client = Client(store / CONNECTION_NAME, "Blender 4.5")
client.send(JobRequest(job_id, preset="draft", seed=7))      # waits inside until the backend said Welcome
for event in client.drain(): ...                             # on a timer
for event in run_job(client, request): ...                   # or blocking, where nobody waits for a redraw
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

from .fetching import Fetching
from .line import Socket, ZmqSocket
from .protocol import (
    Applied,
    Cancel,
    Connection,
    ErrorCode,
    Event,
    Failed,
    Finished,
    Follow,
    Goodbye,
    Hello,
    JobRequest,
    Ping,
    Pong,
    ProtocolError,
    Refused,
    Request,
    TextureReady,
    Welcome,
    decode_event,
    encode,
    is_loopback,
    read_connection,
)

WELCOME_SECONDS = 5.0
"""A backend that answers at all answers Hello within this."""
PING_SECONDS = 2.0
SUSPICIOUS_SECONDS = 1.0
"""A Ping unanswered for this long is reason to look at the connection file again."""
SILENCE_SECONDS = 10.0
"""A Ping unanswered for this long means that the backend is gone."""
GOODBYE_SECONDS = 0.3
"""At most this long may closing take, so that a last Cancel arrives."""
BACK_OFF = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
UNENCRYPTED = (
    "The backend at {} is on another machine, and without its public key nothing would be encrypted; connect by a file "
    "that maquette keys made."
)
STARTING_SECONDS = 30.0
"""How long `run_job` waits for a backend that does not answer."""


class State(StrEnum):
    """Where a connection stands."""

    CONNECTING = "connecting"
    """Hello was sent, or will be as soon as there is a connection file."""
    READY = "ready"
    REFUSED = "refused"
    """The backend said no (`problem` says why); tried again once the connection file changes."""
    LOST = "lost"
    """No answer; tried again after a growing pause."""
    CLOSED = "closed"


class Client:
    """One connection. `endpoint` is a connection file, read anew at each attempt, or a Connection.

    `chunks`: results are fetched in pieces, which can be gone on with after a break; unless said, from other machines.
    """

    def __init__(
        self,
        endpoint: Path | Connection,
        name: str,
        *,
        version: str = "",
        chunks: bool | None = None,
        open_socket: "Callable[[Connection], Socket] | None" = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.state = State.CONNECTING
        self.problem = ""
        """Why the state is not READY, one sentence for the user; empty while there is hope."""
        self.code: ErrorCode | None = None
        """Of the problem, where the backend named one."""
        self.welcome: Welcome | None = None
        """What the backend can do; kept while the connection is lost."""
        self._endpoint, self._name, self._version = endpoint, name, version
        self._open_socket = open_socket or ZmqSocket
        self._clock, self._sleep = clock, sleep
        self._socket: Socket | None = None
        self._connection: Connection | None = None
        self._deadline = 0.0
        self._attempts = 0
        self._heard = self._asked = 0.0
        self._outbox: deque[Request] = deque()
        self._unfinished: dict[str, JobRequest | Follow] = {}
        self._cancelled: set[str] = set()
        self._chunks, self._fetching = chunks, Fetching()
        self._connect()

    @property
    def endpoint(self) -> Path | Connection:
        """Where it connects to; a second client of the same backend takes it."""
        return self._endpoint

    def send(self, message: Request) -> None:
        """Hands over a message; before Welcome and while the connection is lost it waits inside.

        Raises ProtocolError where a field breaks its rule.
        """
        encode(message)
        if isinstance(message, Cancel):
            self._cancelled.add(message.job_id)
        if isinstance(message, (JobRequest, Follow)):
            self._unfinished[message.job_id] = message
        if self.state is not State.READY:
            return  # unfinished jobs are submitted at Welcome, and cancelled if that was wished meanwhile
        self._outbox.append(message)
        self._flush()

    def drain(self, limit: int = 64) -> list[Event]:
        """What came since the last call, at most `limit` events; keeps the connection alive. Never blocks."""
        events: list[Event] = []
        while self._socket is not None and len(events) < limit and (frames := self._socket.receive()) is not None:
            self._heard, self._asked = self._clock(), 0.0
            try:
                event = decode_event(frames)
            except ProtocolError as error:
                if error.code is not ErrorCode.UNKNOWN_KIND:
                    self._give_up(str(error), State.REFUSED, error.code)
                continue
            for each in self._fetching.take(event):
                self._note(each)
                if self._socket is not None and not isinstance(each, Pong):
                    events.append(each)
        if self.state is State.READY:
            self._outbox.extend(self._fetching.requests)
            self._fetching.requests.clear()
        self._keep_alive()
        self._flush()
        return events

    def wait(self, seconds: float) -> list[Event]:
        """As drain, but waits for the first event until the time is over."""
        end = self._clock() + seconds
        while not (events := self.drain()) and (left := end - self._clock()) > 0 and self.state is not State.CLOSED:
            pause = min(left, PING_SECONDS / 4)
            if self._socket is None:
                self._sleep(pause)
            else:
                self._socket.wait(pause)
        return events

    def connect(self, seconds: float = STARTING_SECONDS) -> Welcome:
        """Waits for the backend's Welcome. Raises ProtocolError with the reason if none comes."""
        end = self._clock() + seconds
        while self.state is not State.READY and self.state is not State.REFUSED and self._clock() < end:
            self.wait(min(0.2, max(end - self._clock(), 0.0)))
        if self.state is not State.READY or self.welcome is None:
            raise ProtocolError(ErrorCode.NOT_READY, self.problem or self._no_answer())
        return self.welcome

    def close(self) -> None:
        """Says Goodbye; jobs go on in the backend."""
        if self.state is State.READY and self._socket is not None:
            self._socket.send(encode(Goodbye()))
            self._socket.close(GOODBYE_SECONDS)
            self._socket = None
        self._drop_socket()
        self.state = State.CLOSED

    def _connect(self) -> None:
        self._drop_socket()
        now = self._clock()
        try:
            self._connection = self._read()
            address = self._connection.address
            if "://" in address and not self._connection.server and not is_loopback(address):
                self._give_up(UNENCRYPTED.format(address), State.REFUSED, ErrorCode.NOT_ALLOWED)
                return
            self._socket = self._open_socket(self._connection)
        except ProtocolError as error:
            self._give_up(str(error), State.LOST)
            return
        self.state = State.CONNECTING
        self._deadline = now + WELCOME_SECONDS
        self._greet()

    def _greet(self) -> None:
        if self._socket is not None and self._connection is not None:
            chunks = not is_loopback(self._connection.address) if self._chunks is None else self._chunks
            self._socket.send(encode(Hello(self._version, self._connection.key, self._name, chunks or None)))

    def _read(self) -> Connection:
        return self._endpoint if isinstance(self._endpoint, Connection) else read_connection(self._endpoint)

    def _drop_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _give_up(self, problem: str, state: State, code: ErrorCode | None = None) -> None:
        """Leaves the socket; the next attempt comes after a pause that grows."""
        self._drop_socket()
        self.state, self.problem, self.code = state, problem, code
        self._deadline = self._clock() + BACK_OFF[min(self._attempts, len(BACK_OFF) - 1)]
        self._attempts += 1

    def _note(self, event: Event) -> None:
        if isinstance(event, Welcome):
            self._welcomed(event)
        elif isinstance(event, (Finished, Failed)):
            self._forget(event.job_id)
        elif isinstance(event, Refused):
            if event.code == ErrorCode.HELLO_FIRST:
                self.state, self._deadline = State.CONNECTING, self._clock() + WELCOME_SECONDS
                self._greet()
            elif event.code in (ErrorCode.WRONG_KEY, ErrorCode.WRONG_VERSION):
                self._give_up(f"{event.message} {event.hint}".strip(), State.REFUSED, ErrorCode(event.code))
            elif event.job_id and event.code != ErrorCode.NOT_STORED:
                self._forget(event.job_id)

    def _forget(self, job_id: str) -> None:
        self._unfinished.pop(job_id, None)
        self._cancelled.discard(job_id)

    def _welcomed(self, event: Welcome) -> None:
        # The session stands in a file only this user can read: whoever took over the port cannot know it.
        if self._connection is not None and self._connection.session not in ("", event.session):
            self._give_up("Another program answers at the backend's address; restart the backend.", State.REFUSED)
            return
        greeted = self.state is not State.READY
        self.welcome, self.state, self.problem, self._attempts = event, State.READY, "", 0
        self.code = None
        if greeted:
            self._fetching.begin(event.limits)
            # Whatever the last connection still had to say about jobs is said again, or answers a past it knew.
            self._outbox = deque(self._unfinished.values())
            self._outbox.extend(Cancel(job_id) for job_id in self._unfinished if job_id in self._cancelled)

    def _keep_alive(self) -> None:
        now = self._clock()
        if self.state is State.CONNECTING and self._socket is not None and (why := self._socket.turned_away()):
            self._give_up(why, State.REFUSED, ErrorCode.WRONG_KEY)
        elif self.state is State.CONNECTING and now > self._deadline:
            self._give_up(self._no_answer(), State.LOST)
        elif self.state is State.READY and self._socket is not None:
            if self._asked and now > self._asked + SILENCE_SECONDS:
                self._give_up(self._no_answer(), State.LOST)
            elif self._asked and now > self._asked + SUSPICIOUS_SECONDS and self._file_changed():
                self._connect()  # a new backend has taken the place of the silent one
            elif not self._asked and now > self._heard + PING_SECONDS:
                self._asked = now
                self._socket.send(encode(Ping()))
        elif self.state in (State.LOST, State.REFUSED):
            changed = self._file_changed()
            if changed or (self.state is State.LOST and now > self._deadline):
                self._connect()

    def _file_changed(self) -> bool:
        if isinstance(self._endpoint, Connection):
            return False
        try:
            return read_connection(self._endpoint) != self._connection
        except ProtocolError:
            return False

    def _flush(self) -> None:
        while self.state is State.READY and self._socket is not None and self._outbox:
            if not self._socket.send(encode(self._outbox[0])):
                return
            self._outbox.popleft()

    def _no_answer(self) -> str:
        where = self._connection.address if self._connection else self._endpoint
        return f"No Maquette backend answers at {where}; start it, or choose another address."


def run_job(client: Client, request: JobRequest | Follow, patience: float = STARTING_SECONDS) -> Iterator[Event]:
    """The events of one job until it ends, blocking; the last is Finished or Failed.

    A refusal and a backend that stays away for `patience` seconds come as Failed too. Textures are answered with
    Applied once the caller asks for the next event. Closing the iterator early cancels the job.
    """
    client.send(request)
    away_since: float | None = None
    ended = False
    try:
        while not ended:
            for event in client.wait(0.25):
                if getattr(event, "job_id", None) != request.job_id:
                    continue
                if isinstance(event, Refused):
                    event = Failed(request.job_id, event.code, event.message, event.hint)
                ended = isinstance(event, (Finished, Failed))
                yield event
                if isinstance(event, TextureReady):
                    client.send(Applied(request.job_id, event.level))
            now = time.monotonic()
            away_since = None if client.state is State.READY else (away_since or now)
            if (
                not ended
                and away_since is not None
                and (client.state in (State.REFUSED, State.CLOSED) or now > away_since + patience)
            ):
                ended = True
                yield Failed(request.job_id, ErrorCode.NOT_READY, client.problem or "The backend does not answer.")
    finally:
        if not ended:
            client.send(Cancel(request.job_id))
