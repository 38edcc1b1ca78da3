# SPDX-License-Identifier: GPL-3.0-or-later
import struct

import pytest

from blender_addon.protocol import JobRequest, ProtocolError, decode_request, encode, pack, unpack


def test_a_message_goes_there_and_back() -> None:
    request = JobRequest("a", seed=3, portrait=b"photograph")
    run = b"".join(bytes(part) for part in pack(encode(request)))
    assert run[:8] == struct.pack("<Q", 2) and len(run) == 24 + sum(map(len, encode(request)))
    assert decode_request(unpack(run)) == request
    assert [bytes(frame) for frame in unpack(b"".join(map(bytes, pack([b"", b"x"]))))] == [b"", b"x"]


@pytest.mark.parametrize(
    "run",
    [
        b"",
        b"seven b",
        struct.pack("<Q", 0),
        struct.pack("<Q", 2**63),
        struct.pack("<QQ", 2, 1),
        struct.pack("<QQ", 1, 9) + b"short",
        struct.pack("<QQ", 1, 1) + b"long",
        struct.pack("<QQ", 1, 2**64 - 1),
    ],
)
def test_damage_is_a_sentence(run: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"A stored result must .*\."):
        unpack(run)
