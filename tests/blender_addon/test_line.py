# SPDX-License-Identifier: GPL-3.0-or-later
"""Over real sockets; how the keys are told apart is in tests/backend/service/test_gate.py."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from blender_addon.line import ZmqSocket
from blender_addon.protocol import Connection, ErrorCode, ProtocolError


@pytest.fixture
def router() -> Iterator["zmq.Socket[Any]"]:
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.bind("tcp://127.0.0.1:*")
    yield socket
    socket.close()
    context.term()


def line_to(router: "zmq.Socket[Any]") -> ZmqSocket:
    return ZmqSocket(Connection(router.getsockopt_string(zmq.LAST_ENDPOINT), "key"))


def test_frames_go_and_come_under_an_id_that_nobody_guesses(router: "zmq.Socket[Any]") -> None:
    lines = [line_to(router), line_to(router)]
    identities = set()
    for each in lines:
        assert each.receive() is None and each.send([b"head", memoryview(b"body")])
        identity, *frames = router.recv_multipart()
        assert frames == [b"head", b"body"] and len(identity) == 16
        identities.add(identity)
        router.send_multipart([identity, b"answer"])
        assert each.wait(5) and [bytes(frame) for frame in each.receive() or []] == [b"answer"]
        assert each.turned_away() == ""
        each.close()
    assert len(identities) == 2


def test_a_last_word_is_given_its_time_and_no_more(router: "zmq.Socket[Any]") -> None:
    line = line_to(router)
    line.send([b"goodbye"])
    line.close(1.0)
    assert router.recv_multipart()[1:] == [b"goodbye"]
    dead = ZmqSocket(Connection("tcp://127.0.0.1:9", "key"))
    dead.send([b"goodbye"])
    began = time.monotonic()
    dead.close(0.1)
    assert time.monotonic() - began < 5.0


def test_a_backend_that_wants_encryption_is_told_from_silence(router: "zmq.Socket[Any]") -> None:
    context: zmq.Context[Any] = zmq.Context()
    guarded = context.socket(zmq.ROUTER)
    guarded.setsockopt(zmq.CURVE_SERVER, 1)
    guarded.setsockopt(zmq.CURVE_SECRETKEY, bytes(range(32)))
    guarded.bind("tcp://127.0.0.1:*")
    line = line_to(guarded)
    end = time.monotonic() + 20
    while not line.turned_away() and time.monotonic() < end:
        line.wait(0.05)
    assert re.search("encrypted line", line.turned_away())
    line.close()
    guarded.close(linger=0)
    context.term()
    silent = line_to(router)
    assert not silent.wait(0.3) and silent.turned_away() == ""
    silent.close()


def test_an_address_that_is_none_is_a_sentence() -> None:
    with pytest.raises(ProtocolError, match="is no address") as caught:
        ZmqSocket(Connection("nonsense", "key"))
    assert caught.value.code is ErrorCode.BAD_REQUEST
