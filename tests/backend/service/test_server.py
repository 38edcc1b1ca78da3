# SPDX-License-Identifier: GPL-3.0-or-later
"""The ROUTER as strangers see it, over raw sockets; whole jobs are in tests/integration."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq

from backend.service.desk import MAX_OF_ONE
from backend.service.errors import ServiceError
from backend.service.server import MAX_FRAME_BYTES, Server, ServerSettings, generators
from backend.weights import library
from blender_addon.protocol import (
    Accepted,
    Cancel,
    Event,
    Failed,
    Goodbye,
    Hello,
    JobRequest,
    Ping,
    Pong,
    Refused,
    Welcome,
    decode_event,
    encode,
    read_connection,
)
from tests import foreign

ROOT = Path(__file__).parent.parent.parent.parent
SHIPPED = [name for name, path in library.SHIPPED.items() if path.exists()]
TINY = "tests.integration.tiny_runner:TinyRunner"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in a thread of this process; its worker is a process as ever."""
    made = Server(ServerSettings(store=tmp_path_factory.mktemp("store"), devices=("cpu",), runner=TINY))
    thread = threading.Thread(target=made.run)
    thread.start()
    yield made
    made.stop()
    thread.join(10)
    assert not thread.is_alive()


class Stranger:
    """A raw DEALER."""

    def __init__(self, server: Server, identity: bytes | None = None) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        identity = b"\1" + os.urandom(15) if identity is None else identity
        if identity:
            self.socket.setsockopt(zmq.ROUTING_ID, identity)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(server.connection.address)

    def say(self, frames: Any) -> None:
        self.socket.send_multipart(frames if isinstance(frames, list) else encode(frames))

    def hear(self, seconds: float = 5.0) -> Event | None:
        if not self.socket.poll(int(seconds * 1000)):
            return None
        return decode_event(self.socket.recv_multipart())

    def ask(self, message: Any) -> Event | None:
        self.say(message)
        return self.hear()

    def close(self) -> None:
        self.socket.close()
        self.context.term()


@pytest.fixture
def stranger(server: Server) -> Iterator[Stranger]:
    made = Stranger(server)
    yield made
    made.close()


@pytest.fixture
def friend(server: Server, stranger: Stranger) -> Stranger:
    assert isinstance(stranger.ask(Hello("0.1.0", server.connection.key, "friend")), Welcome)
    return stranger


def test_hello_is_answered_by_welcome(server: Server, stranger: Stranger) -> None:
    welcome = stranger.ask(Hello("0.1.0", server.connection.key, "test"))
    assert isinstance(welcome, Welcome) and welcome.session == server.connection.session
    assert welcome.capabilities["presets"] == ["draft", "standard", "high"]
    assert next(device["state"] for device in welcome.capabilities["devices"]) in ("starting", "idle")
    assert welcome.limits["portrait_bytes"] == 32 << 20


def test_who_says_hello_again_and_again_costs_no_look_at_the_models(
    server: Server, friend: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[float] = []
    monkeypatch.setattr("backend.service.server.WELCOME_SECONDS", 60.0)
    monkeypatch.setattr("backend.service.styles.told", lambda: looked.append(0.0) or {})
    hello = Hello("0.1.0", server.connection.key, "eager")
    assert all(isinstance(friend.ask(hello), Welcome) for _ in range(20))
    # Not once for itself: only where a worker's state changed meanwhile.
    assert len(looked) <= 3


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_a_wrong_key_is_refused(server: Server, stranger: Stranger, token: str) -> None:
    refused = stranger.ask(Hello("0.1.0", token, "thief"))
    assert isinstance(refused, Refused) and refused.code == "wrong_key" and server.connection.key not in str(refused)
    assert stranger.ask(JobRequest("theft")) == Refused("hello_first", "This connection is not known: say Hello first.")


def test_another_version_is_refused_in_a_sentence(server: Server, stranger: Stranger) -> None:
    frames = [bytes(frame) for frame in encode(Hello("9.0", server.connection.key, "future"))]
    refused = stranger.ask([frames[0].replace(b'"protocol":1', b'"protocol":2')])
    assert isinstance(refused, Refused) and refused.code == "wrong_version" and "version 2" in refused.message


def test_nothing_happens_before_hello(server: Server, stranger: Stranger) -> None:
    for message in (JobRequest("a"), JobRequest("b", portrait=bytes(100_000)), Cancel("a"), Ping(), Goodbye()):
        refused = stranger.ask(message)
        assert isinstance(refused, Refused) and refused.code == "hello_first"


def test_an_id_that_can_be_guessed_is_refused(server: Server) -> None:
    for identity in (b"me", b""):  # the empty one gets five bytes of ZeroMQ's own
        guessable = Stranger(server, identity)
        refused = guessable.ask(Hello("0.1.0", server.connection.key, "test"))
        assert isinstance(refused, Refused) and "random routing id" in refused.message
        guessable.close()


def test_garbage_from_anyone_neither_ends_the_server_nor_starts_a_job(server: Server, friend: Stranger) -> None:
    chance = random.Random(1)
    good = [bytes(frame) for frame in encode(JobRequest("garbage", portrait=b"x"))]
    for sender in (Stranger(server), friend):
        for _ in range(60):
            frames = [chance.randbytes(chance.choice([0, 1, 20, 3000])) for _ in range(chance.randint(1, 12))]
            sender.say(frames)
        for _ in range(60):
            head = bytearray(good[0])
            head[chance.randrange(len(head))] = chance.choice(b'{}[]",:\x00\xff')
            sender.say([bytes(head), *good[1:], b"more"])
        refusals = [sender.hear() for _ in range(120)]
        assert all(isinstance(each, Refused) for each in refusals)
        if sender is not friend:
            sender.close()
    assert friend.ask(Ping()) == Pong()
    assert not server.settings.store.joinpath("jobs").joinpath("garbage").exists()
    assert list(server.settings.store.joinpath("jobs").iterdir()) == []


def test_bytes_that_are_no_zeromq_are_survived(server: Server, friend: Stranger) -> None:
    import socket

    host, port = server.connection.address.removeprefix("tcp://").split(":")
    for content in (b"GET / HTTP/1.1\r\n\r\n", bytes(1000), random.Random(2).randbytes(1000)):
        with socket.create_connection((host, int(port))) as plain:
            plain.sendall(content)
    assert friend.ask(Ping()) == Pong()


def test_goodbye_is_final(server: Server, friend: Stranger) -> None:
    friend.say(Goodbye())
    refused = friend.ask(Ping())
    assert isinstance(refused, Refused) and refused.code == "hello_first"


def test_the_queue_has_an_end(server: Server, friend: Stranger) -> None:
    names = [f"q{number}" for number in range(MAX_OF_ONE + 1)]
    for name in names:
        friend.say(JobRequest(name, seed=1))
    refused = None
    while not isinstance(refused, Refused):
        refused = friend.hear()
        assert refused is not None
    assert refused.code == "queue_full" and refused.job_id == names[-1]
    for name in reversed(names[:-1]):
        friend.say(Cancel(name))
    cancelled: set[str] = set()
    while len(cancelled) < MAX_OF_ONE:
        event = friend.hear()
        assert event is not None
        if isinstance(event, Failed):
            assert event.code == "cancelled"
            cancelled.add(event.job_id)


def test_two_servers_live_side_by_side_but_not_in_one_store(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="Another backend already serves"):
        Server(server.settings)
    other = Server(replace(server.settings, store=tmp_path))
    thread = threading.Thread(target=other.run)
    thread.start()
    try:
        key = server.connection.key
        lost = Stranger(other)
        refused = lost.ask(Hello("0.1.0", key, "lost"))
        assert isinstance(refused, Refused) and refused.code == "wrong_key"
        assert isinstance(lost.ask(Hello("0.1.0", other.connection.key, "found")), Welcome)
        lost.close()
    finally:
        other.stop()
        thread.join(10)
    assert read_connection(server.settings.store / "connection.json") == server.connection


def test_a_port_that_is_taken_and_a_host_that_is_not_ours_are_named(server: Server, tmp_path: Path) -> None:
    port = int(server.connection.address.rsplit(":", 1)[1])
    with pytest.raises(ServiceError, match=f"Cannot listen at tcp://127.0.0.1:{port}"):
        Server(ServerSettings(store=tmp_path, port=port, runner=TINY))
    with pytest.raises(ServiceError, match="unencrypted"):
        Server(ServerSettings(store=tmp_path, host="0.0.0.0", runner=TINY))
    with pytest.raises(ServiceError, match="no device 'gpu'"):
        Server(ServerSettings(store=tmp_path, devices=("gpu",), runner=TINY))
    Server(ServerSettings(store=tmp_path, runner=TINY)).close()  # neither left a lock behind


def test_the_key_shows_nowhere(server: Server) -> None:
    assert server.connection.key not in repr(server.connection)
    files = [file for file in server.settings.store.rglob("*") if file.is_file() and file.name != "connection.json"]
    assert files and not any(server.connection.key.encode() in file.read_bytes() for file in files)


def test_a_whole_job_needs_no_torch_in_the_server(tmp_path: Path) -> None:
    code = f"""
import sys, threading
from pathlib import Path
from backend.cli import serve
from backend.service.server import Server, ServerSettings
from blender_addon.client import Client, run_job
from blender_addon.protocol import Finished, JobRequest
server = Server(ServerSettings(store=Path({str(tmp_path)!r}), devices=("cpu",), runner={TINY!r}))
thread = threading.Thread(target=server.run)
thread.start()
client = Client(server.connection, "test")
assert isinstance(list(run_job(client, JobRequest("a")))[-1], Finished)
client.close(); server.stop(); thread.join()
heavy = sorted({{"torch", "numba", "scipy", "cv2", "bpy", "trimesh", "xatlas"}} & set(sys.modules))
sys.exit(f"loaded: {{heavy}}" if heavy else 0)
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0, ended.stderr[-2000:]


def test_positions_are_told(server: Server, friend: Stranger) -> None:
    assert friend.ask(JobRequest("place", seed=1)) == Accepted("place", 0)
    friend.say(Cancel("place"))
    while not isinstance(event := friend.hear(), Failed):
        assert event is not None


def test_a_message_beyond_the_cap_costs_its_connection_only(server: Server, friend: Stranger) -> None:
    greedy = Stranger(server)
    greedy.say([bytes(MAX_FRAME_BYTES + (1 << 20))])
    assert greedy.hear(0.5) is None
    greedy.close()
    assert friend.ask(Ping()) == Pong()


def test_a_known_client_that_floods_is_answered_and_others_are_served(server: Server, friend: Stranger) -> None:
    flood = Stranger(server)
    assert isinstance(flood.ask(Hello("0.1.0", server.connection.key, "flood")), Welcome)
    frames = [bytes(frame) for frame in encode(Ping())]
    sent, answered, end = 0, 0, time.monotonic() + 20
    while sent < 5000 and time.monotonic() < end:
        try:
            flood.socket.send_multipart(frames, zmq.DONTWAIT)
            sent += 1
        except zmq.Again:
            flood.socket.poll(10)
        while flood.socket.poll(0):
            flood.socket.recv_multipart()
            answered += 1
        if sent % 1000 == 999:
            assert friend.ask(Ping()) == Pong()
    assert sent == 5000 and answered > 0
    flood.close()


def test_welcome_tells_generators_that_came_since_the_workers_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path))
    assert generators(["tiny"]) == {}
    assert generators(["rodin"])["synthesizers"] == ["rodin", *SHIPPED]
    foreign.keep_round(tmp_path, "own-heads")
    told = generators(["rodin"])
    assert told["synthesizers"] == ["rodin", *SHIPPED, "own-heads"]
    gan = {name: ["portrait", "seed"] for name in SHIPPED}
    assert told["synthesizer_inputs"] == {"rodin": ["portrait", "sentence", "seed"], **gan, "own-heads": ["seed"]}
