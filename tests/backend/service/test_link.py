# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.service.link import FROM_WORKER, TO_WORKER, Ready, Unable
from blender_addon.protocol import Cancel, JobRequest, Pong, ProtocolError, decode, decode_event, encode


def test_round_trips() -> None:
    for message in (Ready({"device": "cpu"}), Unable("not_ready", "No weights.", "Fetch them."), Pong()):
        assert decode(encode(message), FROM_WORKER) == message
    for order in (JobRequest("a", portrait=b"x"), Cancel("a")):
        assert decode(encode(order), TO_WORKER) == order


def test_what_workers_say_is_not_for_clients() -> None:
    with pytest.raises(ProtocolError):
        decode_event(encode(Ready({})))
