# SPDX-License-Identifier: GPL-3.0-or-later
"""The list and the answerer by themselves, and a guarded server as clients and strangers meet it."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from backend.service.errors import ServiceError
from backend.service.gate import DOMAIN, LOOK_SECONDS, AllowList, Gate
from backend.service.keys import KeyPair, new_pair
from backend.service.server import Server, ServerSettings
from blender_addon.client import Client, State, run_job
from blender_addon.probe import Finding, Probe
from blender_addon.protocol import Connection, Finished, Hello, JobRequest, ProtocolError, encode, read_connection

TINY = "tests.integration.tiny_runner:TinyRunner"
GUEST = new_pair()


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "allowed.txt"
    path.write_text(f"# who may come\n\n{GUEST.public} Ada's workstation\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def served(listed: Path, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts guarded servers on loopback; they end with the test."""
    running: list[tuple[Server, threading.Thread]] = []

    def start(port: int = 0) -> Server:
        made = Server(ServerSettings(store=tmp_path / "store", devices=("cpu",), runner=TINY, allow=listed, port=port))
        thread = threading.Thread(target=made.run)
        thread.start()
        running.append((made, thread))
        return made

    yield start
    for made, thread in running:
        made.stop()
        thread.join(10)


def guest(made: Server, pair: KeyPair = GUEST, **changes: str) -> Connection:
    """What the guest's connection file says; no token."""
    plain = {"address": made.connection.address, "key": "", "server": made.connection.server, "secret": pair.secret}
    return Connection(**plain | changes)  # type: ignore[arg-type]


def test_the_list_names_who_may_come_and_follows_its_file(listed: Path) -> None:
    now = [0.0]
    allowed, other = AllowList(listed, lambda: now[0]), new_pair().public
    assert GUEST.public in allowed and allowed.name(GUEST.public) == "Ada's workstation" and other not in allowed
    listed.write_text(f"{other}\n")
    assert GUEST.public in allowed  # not looked again so soon
    now[0] += LOOK_SECONDS
    assert other in allowed and GUEST.public not in allowed
    listed.unlink()
    now[0] += LOOK_SECONDS
    assert other not in allowed
    listed.write_text(f"{other}\n")
    listed.chmod(0o600)
    now[0] += LOOK_SECONDS
    assert other in allowed


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        (b"not a key\n", 0o600, "Line 1 of"),
        (GUEST.public.encode() + b"0\n", 0o600, "64 hex digits"),
        (b"\xff\xfe", 0o600, "is no text"),
        (GUEST.public.encode(), 0o622, "written by other users"),
    ],
)
def test_a_list_that_cannot_be_trusted_is_refused(listed: Path, content: bytes, mode: int, words: str) -> None:
    listed.write_bytes(content)
    listed.chmod(mode)
    with pytest.raises(ServiceError, match=words):
        AllowList(listed)


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="cannot be read"):
        AllowList(tmp_path / "nobody")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ([b"1.0", b"1", DOMAIN, b"192.0.2.1", b"", b"CURVE", bytes.fromhex(GUEST.public)], b"200"),
        ([b"1.0", b"1", DOMAIN, b"192.0.2.1", b"", b"CURVE", bytes(32)], b"400"),
        ([b"1.0", b"1", b"other", b"192.0.2.1", b"", b"CURVE", bytes.fromhex(GUEST.public)], b"400"),
        ([b"1.0", b"1", DOMAIN, b"192.0.2.1", b"", b"NULL"], b"400"),
        ([b"1.0", b"1", DOMAIN, b"192.0.2.1", b"", b"PLAIN", b"user", b"password"], b"400"),
        ([b"1.0", b"1"], b"400"),
        ([b""], b"400"),
    ],
)
def test_only_a_listed_curve_key_is_answered_by_yes(listed: Path, request_: list[bytes], status: bytes) -> None:
    context: zmq.Context[Any] = zmq.Context()
    gate = Gate(context, AllowList(listed), new_pair())
    asking = context.socket(zmq.REQ)
    asking.connect("inproc://zeromq.zap.01")
    asking.send_multipart(request_)
    gate.answer()
    answer = asking.recv_multipart()
    assert answer[2] == status and len(answer) == 6
    assert answer[4] == (GUEST.public.encode() if status == b"200" else b"")
    asking.close(linger=0)
    gate.close()
    context.term()


def test_a_listed_client_works_and_so_does_one_on_this_machine(served: Callable[..., Server]) -> None:
    server = served()
    client = Client(guest(server), "Ada")
    assert isinstance(list(run_job(client, JobRequest("a" * 8)))[-1], Finished)
    client.close()
    local = Client(server.settings.store / "connection.json", "local")
    assert local.connect(10).session == server.connection.session
    local.close()


@pytest.mark.parametrize(
    ("pair", "changes", "words"),
    [
        (new_pair(), {}, "not on the backend's list"),
        (GUEST, {"server": new_pair().public}, "another key"),
        (GUEST, {"server": "", "secret": "", "key": "0" * 64}, "encrypted line"),
    ],
)
def test_each_wrong_key_is_told_from_no_answer(
    served: Callable[..., Server], pair: KeyPair, changes: dict[str, str], words: str
) -> None:
    verdict = Probe(guest(served(), pair, **changes), "test").wait()
    assert verdict.finding is Finding.WRONG_KEY and words in verdict.sentence and "list" in verdict.hint


def test_an_encrypting_client_at_an_open_server_hears_so(tmp_path: Path) -> None:
    server = Server(ServerSettings(store=tmp_path, devices=("cpu",), runner=TINY))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        verdict = Probe(guest(server, server=new_pair().public), "test").wait()
        assert verdict.finding is Finding.WRONG_KEY and "another key" in verdict.sentence
    finally:
        server.stop()
        thread.join(10)


def test_not_one_message_of_a_stranger_arrives(served: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    server, heard = served(), []
    receive = server._receive
    monkeypatch.setattr(server, "_receive", lambda who, *rest: (heard.append(who), receive(who, *rest)))
    context: zmq.Context[Any] = zmq.Context()
    for pair in (None, new_pair()):
        dealer = context.socket(zmq.DEALER)
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.setsockopt(zmq.RECONNECT_IVL, 10_000)  # a handshake under way when the context ends can hold it up
        dealer.setsockopt(zmq.ROUTING_ID, b"\1" + os.urandom(15))
        if pair:
            dealer.setsockopt(zmq.CURVE_SERVERKEY, bytes.fromhex(server.connection.server))
            dealer.setsockopt(zmq.CURVE_PUBLICKEY, bytes.fromhex(pair.public))
            dealer.setsockopt(zmq.CURVE_SECRETKEY, bytes.fromhex(pair.secret))
        dealer.connect(server.connection.address)
        dealer.send_multipart(encode(Hello("0.1.0", server.connection.key, "thief")))
        assert not dealer.poll(300)
        dealer.close(linger=0)
    context.term()
    client = Client(guest(server), "Ada")
    client.connect(10)
    client.close()
    assert len(set(heard)) == 1


def test_who_is_taken_off_the_list_is_out(
    served: Callable[..., Server], listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.service.gate.LOOK_SECONDS", 0.0)
    client = Client(guest(served()), "Ada")
    client.connect(10)
    listed.write_text("# nobody\n")
    events = list(run_job(client, JobRequest("late")))
    assert [event.code for event in events] == ["wrong_key"] or client.state is State.REFUSED  # type: ignore[union-attr]
    assert "taken off" in client.problem
    client.close()


def test_the_key_outlives_a_restart_and_clients_come_back(served: Callable[..., Server]) -> None:
    first = served()
    client = Client(guest(first), "Ada")
    session = client.connect(10).session
    first.stop()
    while (first.settings.store / "connection.json").exists():
        client.drain()
    second = served(port=int(first.connection.address.rsplit(":", 1)[1]))
    assert second.connection.server == first.connection.server
    while client.welcome is not None and client.welcome.session == session:
        client.wait(0.1)
    assert isinstance(list(run_job(client, JobRequest("again")))[-1], Finished)
    client.close()


def test_all_addresses_need_the_list_and_the_local_file_says_loopback(listed: Path, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="unencrypted") as caught:
        Server(ServerSettings(store=tmp_path / "s", host="0.0.0.0", runner=TINY))
    assert "--allow" in caught.value.hint
    server = Server(ServerSettings(store=tmp_path / "s", host="0.0.0.0", runner=TINY, allow=listed))
    try:
        assert server.connection.address.startswith("tcp://127.0.0.1:")
        assert server._router.getsockopt_string(zmq.LAST_ENDPOINT).startswith("tcp://0.0.0.0:")
        assert server._router.getsockopt(zmq.CURVE_SERVER) == 1 and server._router.getsockopt(zmq.ZAP_ENFORCE_DOMAIN)
    finally:
        server.close()


def test_without_its_own_keys_nothing_is_bound(listed: Path, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "server-keys.json").write_text("{}")
    (tmp_path / "s" / "server-keys.json").chmod(0o600)
    with pytest.raises(ServiceError, match="damaged"):
        Server(ServerSettings(store=tmp_path / "s", runner=TINY, allow=listed))
    (tmp_path / "s" / "server-keys.json").unlink()
    Server(ServerSettings(store=tmp_path / "s", runner=TINY, allow=listed)).close()  # the lock was given back


def test_a_connection_file_with_half_the_keys_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(Connection("tcp://192.0.2.1:1", "", server="a" * 64).to_json())
    path.chmod(0o600)
    with pytest.raises(ProtocolError, match="no connection file"):
        read_connection(path)
