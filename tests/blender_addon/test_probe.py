# SPDX-License-Identifier: GPL-3.0-or-later
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from blender_addon import client as client_module
from blender_addon.probe import Finding, Probe
from blender_addon.protocol import Connection, Refused, Welcome, encode

Answer = Callable[[], list[bytes]]


@pytest.fixture
def answering() -> Iterator[Callable[[Answer], str]]:
    """A socket that gives every message the same answer; its address."""
    context, stop = zmq.Context(), threading.Event()
    threads: list[threading.Thread] = []

    def start(answer: Answer) -> str:
        router = context.socket(zmq.ROUTER)
        router.setsockopt(zmq.LINGER, 0)
        port = router.bind_to_random_port("tcp://127.0.0.1")

        def serve() -> None:
            while not stop.is_set():
                if router.poll(20):
                    identity, *_ = router.recv_multipart()
                    router.send_multipart([identity, *answer()])
            router.close()

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return f"tcp://127.0.0.1:{port}"

    yield start
    stop.set()
    for each in threads:
        each.join()
    context.term()


def frames(message: Any) -> list[bytes]:
    return [bytes(each) for each in encode(message)]


def newer() -> list[bytes]:
    """A Welcome of a protocol to come."""
    header, *rest = frames(Welcome("9.0.0", "s", {}, {}))
    return [json.dumps(json.loads(header) | {"protocol": 2}).encode(), *rest]


@pytest.mark.parametrize(
    ("answer", "finding", "words"),
    [
        (lambda: frames(Welcome("0.1.0", "s", {"devices": [{"name": "cpu"}]}, {})), Finding.ANSWERS, r"0\.1\.0 .*cpu"),
        (lambda: frames(Refused("wrong_key", "The key is not this backend's.")), Finding.WRONG_KEY, "The key"),
        (newer, Finding.WRONG_VERSION, "version 2"),
        (lambda: [b"HTTP/1.1 404"], Finding.STRANGER, "JSON"),
    ],
)
def test_each_fault_has_its_own_words(
    answering: Callable[[Answer], str], answer: Answer, finding: Finding, words: str
) -> None:
    verdict = Probe(Connection(answering(answer), "key"), "test").wait()
    assert verdict.finding is finding and verdict.good == (finding is Finding.ANSWERS)
    assert re.search(words, verdict.sentence)
    assert verdict.good or verdict.hint


def test_silence_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "WELCOME_SECONDS", 0.1)
    verdict = Probe(Connection("tcp://127.0.0.1:9", "key"), "test").wait()
    assert verdict.finding is Finding.NO_ANSWER and "127.0.0.1:9" in verdict.sentence and "firewall" in verdict.hint


def test_another_session_than_the_files_is_a_stranger(answering: Callable[[Answer], str]) -> None:
    address = answering(lambda: frames(Welcome("0.1.0", "other", {}, {})))
    assert Probe(Connection(address, "key", session="mine"), "test").wait().finding is Finding.STRANGER


def test_without_a_connection_file_the_verdict_is_there_at_once(tmp_path: Path) -> None:
    verdict = Probe(tmp_path / "connection.json", "test").poll()
    assert verdict is not None and verdict.finding is Finding.NO_FILE and "does not exist" in verdict.sentence


def test_another_machine_without_its_public_key_is_not_even_called() -> None:
    verdict = Probe(Connection("tcp://192.0.2.1:5555", "key"), "test").poll()
    assert verdict is not None and verdict.finding is Finding.NO_FILE and "maquette keys" in verdict.hint
