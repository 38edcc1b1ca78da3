# SPDX-License-Identifier: GPL-3.0-or-later
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blender_addon.client import BACK_OFF, PING_SECONDS, SILENCE_SECONDS, WELCOME_SECONDS, Client, State, run_job
from blender_addon.protocol import (
    Accepted,
    Applied,
    Cancel,
    Connection,
    Event,
    Failed,
    Finished,
    Follow,
    Goodbye,
    Hello,
    JobRequest,
    Ping,
    Pong,
    Progressed,
    ProtocolError,
    Refused,
    Request,
    TextureReady,
    Welcome,
    decode_request,
    encode,
)

CONNECTION = Connection("tcp://127.0.0.1:4000", "hunter2", "s1")
WELCOME = Welcome("0.1.0", "s1", {"presets": ["draft"]}, {})


class Line:
    """A backend in memory: hands out sockets, answers what it is told to, and has the clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.addresses: list[str] = []
        self.heard: list[Request] = []
        self.waiting: deque[list[bytes]] = deque()
        self.answers: dict[type, list[Event]] = {}
        self.full = False
        self.open = 0
        self.refusal = ""

    def __call__(self, connection: Connection) -> "Line":
        self.addresses.append(connection.address)
        self.waiting.clear()
        self.open += 1
        return self

    def clock(self) -> float:
        return self.now

    def say(self, *events: Event) -> None:
        self.waiting.extend([bytes(frame) for frame in encode(event)] for event in events)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def heard_since(self) -> list[Request]:
        heard, self.heard = self.heard, []
        return heard

    def send(self, frames: list[Any]) -> bool:
        if self.full:
            return False
        self.heard.append(decode_request(frames))
        self.say(*self.answers.get(type(self.heard[-1]), []))
        return True

    def receive(self) -> list[Any] | None:
        return self.waiting.popleft() if self.waiting else None

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return bool(self.waiting)

    def turned_away(self) -> str:
        return self.refusal

    def close(self, linger: float = 0.0) -> None:
        self.open -= 1


def connected(endpoint: Path | Connection = CONNECTION) -> tuple[Client, Line]:
    line = Line()
    line.answers = {Hello: [WELCOME], Ping: [Pong()]}
    client = Client(endpoint, "test", open_socket=line, clock=line.clock, sleep=line.sleep)
    assert client.drain() == [WELCOME] and client.state is State.READY
    line.heard_since()
    return client, line


def test_hello_carries_the_key_and_welcome_makes_ready() -> None:
    line = Line()
    client = Client(CONNECTION, "Blender", version="0.1.0", open_socket=line, clock=line.clock, sleep=line.sleep)
    assert line.addresses == [CONNECTION.address]
    assert line.heard == [Hello("0.1.0", "hunter2", "Blender")]
    assert client.drain() == [] and client.state is State.CONNECTING
    line.say(WELCOME)
    assert client.drain() == [WELCOME]
    assert client.state is State.READY and client.welcome == WELCOME and client.problem == ""


def test_jobs_wait_for_welcome_and_a_cancelled_one_is_cancelled_then() -> None:
    line = Line()
    client = Client(CONNECTION, "test", open_socket=line, clock=line.clock, sleep=line.sleep)
    client.send(JobRequest("a"))
    client.send(JobRequest("b"))
    client.send(Cancel("a"))
    assert len(line.heard) == 1
    line.say(WELCOME)
    client.drain()
    assert line.heard[1:] == [JobRequest("a"), JobRequest("b"), Cancel("a")]


def test_a_full_socket_keeps_the_order() -> None:
    client, line = connected()
    line.full = True
    client.send(JobRequest("a"))
    client.send(Cancel("a"))
    line.full = False
    client.drain()
    assert line.heard == [JobRequest("a"), Cancel("a")]


def test_a_broken_message_is_refused_at_once() -> None:
    client, line = connected()
    with pytest.raises(ProtocolError):
        client.send(JobRequest("not an id"))
    assert line.heard == []


def test_silence_is_pinged_and_any_traffic_counts() -> None:
    client, line = connected()
    line.answers = {}
    line.now += PING_SECONDS + 0.1
    client.drain()
    assert line.heard == [Ping()]
    line.now += SILENCE_SECONDS - 0.1
    line.say(Accepted("x", 0))
    client.drain()
    assert client.state is State.READY


def test_a_long_pause_of_the_client_itself_is_no_reason_to_leave() -> None:
    client, line = connected()
    line.now += 3600
    client.drain()
    client.drain()
    assert client.state is State.READY and line.open == 1


def test_a_silent_backend_is_lost_and_a_fresh_socket_gets_the_unfinished_jobs() -> None:
    client, line = connected()
    client.send(JobRequest("done"))
    client.send(JobRequest("open", seed=4))
    client.send(Follow("seen"))
    line.say(Finished("done", {}))
    client.drain()
    line.answers = {}
    for _ in range(2):
        line.now += SILENCE_SECONDS + PING_SECONDS
        client.drain()
    assert client.state is State.LOST and "No Maquette backend answers" in client.problem and line.open == 0
    line.answers = {Hello: [WELCOME]}
    line.heard_since()
    line.now += BACK_OFF[0] + 0.1
    client.drain()
    client.drain()
    assert client.state is State.READY
    assert line.heard_since() == [Hello("", "hunter2", "test"), JobRequest("open", seed=4), Follow("seen")]


def test_pauses_grow() -> None:
    line = Line()
    client = Client(CONNECTION, "test", open_socket=line, clock=line.clock, sleep=line.sleep)
    times = []
    while len(times) < 7:
        before = len(line.addresses)
        line.now += 0.25
        client.drain()
        if len(line.addresses) > before:
            times.append(line.now)
    pauses = np.diff(times) - WELCOME_SECONDS
    assert np.allclose(pauses, [2, 4, 8, 16, 32, 32], atol=0.6)


def test_a_forgotten_connection_says_hello_again() -> None:
    client, line = connected()
    client.send(JobRequest("a"))
    line.heard_since()
    line.say(Refused("hello_first", "Who are you?"))
    client.drain()
    client.drain()
    assert line.heard == [Hello("", "hunter2", "test"), JobRequest("a")]
    assert line.open == 1


def test_a_wrong_key_is_said_and_not_tried_again() -> None:
    line = Line()
    line.answers = {Hello: [Refused("wrong_key", "The key is wrong.", "Connect by file.")]}
    client = Client(CONNECTION, "test", open_socket=line, clock=line.clock, sleep=line.sleep)
    client.drain()
    assert client.state is State.REFUSED and client.problem == "The key is wrong. Connect by file."
    line.now += 1000
    client.drain()
    assert len(line.addresses) == 1


def test_a_new_connection_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    line = Line()
    client = Client(path, "test", open_socket=line, clock=line.clock, sleep=line.sleep)
    assert client.state is State.LOST and "No backend runs here" in client.problem
    path.write_text(CONNECTION.to_json())
    path.chmod(0o600)
    line.answers = {Hello: [WELCOME]}
    client.drain()
    client.drain()
    assert client.state is State.READY


def test_a_restarted_backend_is_found_long_before_the_old_one_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    path.write_text(CONNECTION.to_json())
    path.chmod(0o600)
    client, line = connected(path)
    line.answers = {Hello: [Welcome("0.1.0", "s2", {}, {})]}
    path.write_text(Connection("tcp://127.0.0.1:4001", "new key", "s2").to_json())
    for _ in range(2):
        line.now += PING_SECONDS + 0.1
        client.drain()
    client.drain()
    assert client.state is State.READY and line.addresses[-1] == "tcp://127.0.0.1:4001" and line.open == 1


def test_a_stranger_on_the_port_is_noticed() -> None:
    line = Line()
    line.answers = {Hello: [Welcome("0.1.0", "another", {}, {})]}
    client = Client(CONNECTION, "test", open_socket=line, clock=line.clock, sleep=line.sleep)
    assert client.drain() == []
    assert client.state is State.REFUSED and "Another program" in client.problem


def test_another_version_is_said_and_unknown_kinds_are_ignored() -> None:
    client, line = connected()
    line.waiting.append([b'{"protocol":1,"kind":"Weather","fields":{}}'])
    assert client.drain() == [] and client.state is State.READY
    line.waiting.append([b'{"protocol":7,"kind":"Welcome","fields":{}}'])
    client.drain()
    assert client.state is State.REFUSED and "version 7" in client.problem


def test_drain_stops_at_its_limit() -> None:
    client, line = connected()
    line.say(*[Accepted("a", n) for n in range(10)])
    assert len(client.drain(limit=4)) == 4
    assert len(client.drain()) == 6


def test_close_says_goodbye() -> None:
    client, line = connected()
    client.close()
    assert line.heard == [Goodbye()] and line.open == 0 and client.state is State.CLOSED
    assert client.drain() == [] and client.wait(5.0) == []


def test_connect_names_the_reason() -> None:
    line = Line()
    client = Client(CONNECTION, "test", open_socket=line, clock=line.clock, sleep=line.sleep)
    with pytest.raises(ProtocolError, match="No Maquette backend answers at tcp"):
        client.connect(3.0)


def test_run_job_tells_its_own_story_and_applies_textures() -> None:
    client, line = connected()
    painted = TextureReady("a", 0, np.zeros((1, 1, 3), np.uint8), True)
    line.answers = {
        JobRequest: [Accepted("a", 0), Progressed("other", "s", 0.5), painted],
        Applied: [Finished("a", {"seed": 1})],
    }
    told = [type(event).__name__ for event in run_job(client, JobRequest("a"))]
    assert told == ["Accepted", "TextureReady", "Finished"]
    assert line.heard == [JobRequest("a"), Applied("a", 0)]


def test_run_job_ends_with_a_sentence_when_refused() -> None:
    client, line = connected()
    line.answers = {JobRequest: [Refused("queue_full", "Too many.", "Wait.", "a")]}
    assert list(run_job(client, JobRequest("a"))) == [Failed("a", "queue_full", "Too many.", "Wait.")]


def test_run_job_left_early_cancels() -> None:
    client, line = connected()
    line.answers = {JobRequest: [Progressed("a", "s", 0.1)]}
    story = run_job(client, JobRequest("a"))
    next(story)
    story.close()  # type: ignore[attr-defined]
    assert line.heard == [JobRequest("a"), Cancel("a")]


def test_run_job_gives_up_on_a_backend_that_refuses() -> None:
    line = Line()
    line.answers = {Hello: [Refused("wrong_key", "The key is wrong.")]}
    client = Client(CONNECTION, "test", open_socket=line, clock=line.clock, sleep=line.sleep)
    (failed,) = run_job(client, JobRequest("a"))
    assert isinstance(failed, Failed) and failed.message == "The key is wrong."


def test_an_address_that_is_none_is_a_sentence() -> None:
    client = Client(Connection("nonsense", "k"), "test")
    assert client.state is State.LOST and "is no address" in client.problem
    client.close()


def test_who_is_turned_away_hears_why_and_waits_for_another_file() -> None:
    line = Line()
    client = Client(CONNECTION, "test", open_socket=line, clock=line.clock, sleep=line.sleep)
    line.refusal = "Not on the list."
    assert client.drain() == []
    assert client.state is State.REFUSED and client.code == "wrong_key" and client.problem == "Not on the list."
    assert line.open == 0


def test_nothing_goes_to_another_machine_unencrypted() -> None:
    line = Line()
    client = Client(Connection("tcp://192.0.2.1:5555", "hunter2"), "test", open_socket=line, clock=line.clock)
    assert client.state is State.REFUSED and client.code == "not_allowed" and "maquette keys" in client.problem
    assert line.addresses == [] and line.heard == []
    Client(Connection("tcp://192.0.2.1:5555", "", server="a" * 64, secret="b" * 64), "test", open_socket=line)
    assert line.addresses == ["tcp://192.0.2.1:5555"]
