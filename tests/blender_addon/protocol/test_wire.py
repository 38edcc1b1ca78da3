# SPDX-License-Identifier: GPL-3.0-or-later
import contextlib
import json
import random
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from blender_addon.protocol import (
    VERSION,
    Accepted,
    Applied,
    Cancel,
    Chunk,
    Discard,
    DiscardStyle,
    ErrorCode,
    Failed,
    Fetch,
    Finished,
    Follow,
    FreeMemory,
    Goodbye,
    Hello,
    JobRequest,
    JobsListed,
    ListJobs,
    MeshReady,
    Move,
    Ping,
    Pong,
    Progressed,
    ProtocolError,
    Refused,
    Stored,
    TextureReady,
    Welcome,
    decode_event,
    decode_request,
    encode,
)
from blender_addon.protocol.wire import EVENTS, MAX_FRAMES, MAX_HEADER_BYTES, REQUESTS

REQUEST_EXAMPLES = [
    Hello("0.1.0", "key", "Blender 4.5"),
    JobRequest("a-1", "avatar", "draft", 7, b"\xff\xd8\xff", {"steps": 4, "guidance": 1.5}),
    JobRequest("a-2", label="Anna’s head"),
    JobRequest(
        "a-4",
        "refine",
        options={"strength": 0.5},
        vertices=np.eye(3, dtype=np.float32),
        faces=np.array([[0, 1, 2]], np.int32),
        polygons=np.array([0], np.int32),
        uv=np.zeros((3, 2), np.float32),
        image=np.zeros((2, 4, 3), np.uint8),
        image_uv=np.ones((3, 2), np.float32),
        mask=np.full((3, 2), 255, np.uint8),
        weight=np.ones(3, np.float32),
    ),
    JobRequest("a-3", "edit", options={"sentence": "add a beard", "strength": 0.5}, sources=b"AAAA"),
    Follow("a"),
    Cancel("a"),
    Applied("a", 2),
    ListJobs(20),
    Move("a", 3),
    Discard("a"),
    DiscardStyle("a-marble-statue"),
    JobRequest("a-5", "adapt", options={"sentence": "a marble statue", "name": "marble", "keep": "people"}),
    FreeMemory(),
    Fetch("a", "0f" * 32, 1 << 20),
    JobRequest("a-5", priority="low"),
    Hello("0.1.0", "key", "Blender 4.5", True),
    Ping(),
    Goodbye(),
]
PICTURE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
EVENT_EXAMPLES = [
    Welcome("0.1.0", "s", {"presets": ["draft"]}, {"queue": 3}),
    Pong(),
    Stored("a", "MeshReady", "0f" * 32, 12),
    Chunk("a", "0f" * 32, 256, b"piece"),
    Accepted("a", 3),
    JobsListed({"jobs": [{"job_id": "a", "label": "", "seed": 1, "created": 1.5, "state": "done", "seconds": None}]}),
    Progressed("a", "sampling", 0.25, 3.5, np.arange(60, dtype=np.uint8).reshape(4, 5, 3)),
    Progressed("a", "sampling", 0),
    MeshReady("a", np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), np.zeros((3, 2), np.float32)),
    MeshReady(
        "a",
        np.eye(3, dtype=np.float32),
        np.array([[0, 1, 2], [0, 2, 1]], np.int32),
        np.zeros((3, 2), np.float32),
        np.array([[0, 1, 2]], np.int32),
        np.array([1, 0], np.int32),
    ),
    TextureReady("a", 1, np.full((2, 2, 3), 9, np.uint8), True),
    TextureReady("a", 2, PICTURE, True, PICTURE[::-1].copy(), PICTURE[..., 0].copy(), PICTURE[..., 1].copy()),
    Finished("a", {"seed": 1, "seconds": {"sampling": 2.5}, "notes": ["é"]}),
    Failed("a", "bad_portrait", "No face.", "Choose another."),
    Refused("wrong_key", "No.", "Ask."),
]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other)


def sent(message: Any) -> list[bytes]:
    """The frames as the other side gets them."""
    return [bytes(frame) for frame in encode(message)]


@pytest.mark.parametrize("message", REQUEST_EXAMPLES + EVENT_EXAMPLES, ids=lambda each: type(each).__name__)
def test_round_trip(message: Any) -> None:
    decode = decode_request if message in REQUEST_EXAMPLES else decode_event
    again = decode(sent(message))
    assert type(again) is type(message)
    assert all(same(getattr(message, each.name), getattr(again, each.name)) for each in fields(message))


def test_every_kind_has_an_example() -> None:
    assert {type(each).__name__ for each in REQUEST_EXAMPLES} == set(REQUESTS)
    assert {type(each).__name__ for each in EVENT_EXAMPLES} == set(EVENTS)


def test_golden_frames() -> None:
    """Bytes that any version-1 peer sends and understands; a change here is a new protocol version."""
    assert sent(Applied("a", 2)) == [b'{"protocol":1,"kind":"Applied","fields":{"job_id":"a","level":2},"buffers":[]}']
    assert sent(JobRequest("j", seed=5, portrait=b"\xff\xd8", options={"steps": 4, "faces": 9})) == [
        b'{"protocol":1,"kind":"JobRequest","fields":{"job_id":"j","kind":"avatar","preset":"standard","seed":5,'
        b'"options":{"steps":4,"faces":9}},"buffers":[{"field":"portrait"}]}',
        b"\xff\xd8",
    ]
    assert sent(JobRequest("j", label="Anna")) == [
        b'{"protocol":1,"kind":"JobRequest","fields":{"job_id":"j","kind":"avatar","preset":"standard","seed":0,'
        b'"options":{},"label":"Anna"},"buffers":[]}'
    ]
    assert sent(JobRequest("j", "blend", options={"shares": [1, 3]}, sources=b"AA\nBB")) == [
        b'{"protocol":1,"kind":"JobRequest","fields":{"job_id":"j","kind":"blend","preset":"standard","seed":0,'
        b'"options":{"shares":[1,3]}},"buffers":[{"field":"sources"}]}',
        b"AA\nBB",
    ]
    assert sent(ListJobs(20)) == [b'{"protocol":1,"kind":"ListJobs","fields":{"limit":20},"buffers":[]}']
    assert sent(Move("j", 0)) == [b'{"protocol":1,"kind":"Move","fields":{"job_id":"j","place":0},"buffers":[]}']
    assert sent(DiscardStyle("marble")) == [
        b'{"protocol":1,"kind":"DiscardStyle","fields":{"name":"marble"},"buffers":[]}'
    ]
    assert sent(Discard("j")) == [b'{"protocol":1,"kind":"Discard","fields":{"job_id":"j"},"buffers":[]}']
    assert sent(FreeMemory()) == [b'{"protocol":1,"kind":"FreeMemory","fields":{},"buffers":[]}']
    assert sent(JobsListed({"jobs": []})) == [
        b'{"protocol":1,"kind":"JobsListed","fields":{"jobs":{"jobs":[]}},"buffers":[]}'
    ]
    assert sent(TextureReady("j", 0, np.array([[[1, 2, 3]]], np.uint8), False)) == [
        b'{"protocol":1,"kind":"TextureReady","fields":{"job_id":"j","level":0,"final":false},'
        b'"buffers":[{"field":"albedo","dtype":"uint8","shape":[1,1,3]}]}',
        b"\x01\x02\x03",
    ]
    mesh = MeshReady("j", np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), np.zeros((3, 2), np.float32))
    assert sent(mesh)[1:] == [np.eye(3, dtype="<f4").tobytes(), bytes([0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]), bytes(24)]


def test_unknown_fields_and_buffers_are_ignored() -> None:
    header = {
        "protocol": VERSION,
        "kind": "Accepted",
        "fields": {"job_id": "a", "position": 1, "mood": "good"},
        "buffers": [{"field": "picture", "dtype": "float64", "shape": [1]}],
        "later": True,
    }
    assert decode_event([json.dumps(header).encode(), bytes(8)]) == Accepted("a", 1)


def test_missing_fields_take_their_defaults() -> None:
    header = {"protocol": VERSION, "kind": "JobRequest", "fields": {"job_id": "a"}}
    assert decode_request([json.dumps(header).encode()]) == JobRequest("a")


def test_another_version_is_refused_in_a_sentence_but_a_refusal_is_always_understood() -> None:
    frames = [sent(Ping())[0].replace(b'"protocol":1', b'"protocol":2')]
    with pytest.raises(ProtocolError, match=r"speaks version 2 .* this side version 1") as caught:
        decode_request(frames)
    assert caught.value.code is ErrorCode.WRONG_VERSION
    refused = Refused("wrong_version", "Too old.")
    assert decode_event([sent(refused)[0].replace(b'"protocol":1', b'"protocol":9')]) == refused


def test_events_are_no_requests() -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_request(sent(Pong()))
    assert caught.value.code is ErrorCode.UNKNOWN_KIND


def test_the_key_never_shows() -> None:
    assert "hunter2" not in repr(Hello("0.1.0", "hunter2", "x"))


def test_arrays_arrive_read_only_and_uncopied() -> None:
    frames = sent(TextureReady("a", 0, np.zeros((2, 2, 3), np.uint8)))
    event = decode_event(frames)
    assert isinstance(event, TextureReady)
    assert not event.albedo.flags.writeable
    assert np.shares_memory(event.albedo, np.frombuffer(frames[1], np.uint8))


def header_of(message: Any, **changes: Any) -> list[bytes]:
    """The message's frames with parts of the header replaced."""
    header, *rest = sent(message)
    return [json.dumps(json.loads(header) | changes).encode(), *rest]


def buffer_of(message: Any, index: int, **changes: Any) -> list[bytes]:
    buffers = json.loads(sent(message)[0])["buffers"]
    buffers[index] |= changes
    return header_of(message, buffers=buffers)


MESH = next(each for each in EVENT_EXAMPLES if isinstance(each, MeshReady))
TEXTURE = next(each for each in EVENT_EXAMPLES if isinstance(each, TextureReady))
HOSTILE_EVENTS = {
    "no frames": [],
    "too many frames": [sent(Pong())[0]] + [b""] * MAX_FRAMES,
    "empty header": [b""],
    "binary header": [bytes(range(256))],
    "not an object": [b"[1]"],
    "header too long": [b" " * (MAX_HEADER_BYTES + 1)],
    "deep header": [b'{"a":' * 2000 + b"1" + b"}" * 2000],
    "very deep header": [b"[" * 200_000],
    "nan": [b'{"protocol":1,"kind":"Accepted","fields":{"job_id":"a","position":NaN}}'],
    "infinite fraction": [b'{"protocol":1,"kind":"Progressed","fields":{"job_id":"a","stage":"s","fraction":1e999}}'],
    "huge number": [b'{"protocol":1,"kind":"Accepted","fields":{"job_id":"a","position":' + b"9" * 5000 + b"}}"],
    "kind is a list": header_of(MESH, kind=["MeshReady"]),
    "class path": header_of(MESH, kind="os.system"),
    "fields is a list": header_of(MESH, fields=[]),
    "missing field": header_of(MESH, fields={}),
    "path as id": header_of(Accepted("a", 0), fields={"job_id": "../../etc", "position": 0}),
    "newline in a stage": header_of(Progressed("a", "s", 0), fields={"job_id": "a", "stage": "x\ny", "fraction": 0}),
    "half surrogate": [b'{"protocol":1,"kind":"Failed","fields":{"job_id":"a","code":"x","message":"\\ud800"}}'],
    "true as number": header_of(Accepted("a", 0), fields={"job_id": "a", "position": True}),
    "buffers without frames": sent(MESH)[:2],
    "frames without buffers": header_of(MESH, buffers=[]),
    "buffer without name": buffer_of(MESH, 0, field=None),
    "object dtype": buffer_of(MESH, 0, dtype="O"),
    "other dtype": buffer_of(MESH, 0, dtype="float64"),
    "big-endian": buffer_of(MESH, 0, dtype=">f4"),
    "shape lies": buffer_of(MESH, 0, shape=[4, 3]),
    "negative shape": buffer_of(MESH, 0, shape=[-1, -9]),
    "shape overflows": buffer_of(MESH, 0, shape=[2**62, 3]),
    "shape of text": buffer_of(MESH, 0, shape="33"),
    "shape of floats": buffer_of(MESH, 0, shape=[3.0, 3]),
    "wrong rank": buffer_of(MESH, 0, shape=[9]),
    "not square": header_of(
        TEXTURE, buffers=[{"field": "albedo", "dtype": "uint8", "shape": [1, 4, 3]}]
    ),
}  # fmt: skip


@pytest.mark.parametrize("frames", HOSTILE_EVENTS.values(), ids=HOSTILE_EVENTS)
def test_hostile_frames_end_in_a_sentence(frames: list[bytes]) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_event(frames)
    assert 10 < len(str(caught.value)) < 400


def test_faces_beyond_the_vertices_are_refused_on_both_sides() -> None:
    wild = MeshReady("a", np.eye(3, dtype=np.float32), np.array([[0, 1, 3]], np.int32), np.zeros((3, 2), np.float32))
    with pytest.raises(ProtocolError, match="must index 3 vertices"):
        encode(wild)
    frames = sent(MESH)
    frames[2] = np.array([[0, 1, -1]], "<i4").tobytes()
    with pytest.raises(ProtocolError, match="must index 3 vertices"):
        decode_event(frames)
    with pytest.raises(ProtocolError, match="coarser must index 3 vertices"):
        encode(replace(MESH, coarser=wild.faces, coarser_sizes=np.array([1], np.int32)))
    with pytest.raises(ProtocolError, match="must add up to 1"):
        encode(replace(MESH, coarser=MESH.faces, coarser_sizes=np.array([2, -1, 1], np.int32)))
    with pytest.raises(ProtocolError, match="must come together"):
        encode(replace(MESH, coarser=MESH.faces))
    frames = sent(MESH)
    frames[1] = np.full((3, 3), np.nan, "<f4").tobytes()
    with pytest.raises(ProtocolError, match="finite"):
        decode_event(frames)


HEAD = next(each for each in REQUEST_EXAMPLES if isinstance(each, JobRequest) and each.vertices is not None)


def test_the_frames_of_a_head_are_golden() -> None:
    """As any version-1 peer with the kind "refine" sends and understands them."""
    header, vertices, faces = sent(JobRequest("j", "refine", vertices=HEAD.vertices, faces=HEAD.faces))
    assert header == (
        b'{"protocol":1,"kind":"JobRequest","fields":{"job_id":"j","kind":"refine","preset":"standard","seed":0,'
        b'"options":{}},"buffers":[{"field":"vertices","dtype":"float32","shape":[3,3]},'
        b'{"field":"faces","dtype":"int32","shape":[1,3]}]}'
    )
    assert (vertices, faces) == (np.eye(3, dtype="<f4").tobytes(), bytes([0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]))


def test_arrays_of_a_head_belong_together() -> None:
    damaged = {
        "must come together": {"faces": None},
        "with the kind refine and no other": {"kind": "avatar"},
        "must index 3 vertices": {"faces": np.array([[0, 1, 3]], np.int32)},
        r"JobRequest\.uv must have 3 rows, got 2": {"uv": np.zeros((2, 2), np.float32)},
        r"JobRequest\.polygons must have 1 rows": {"polygons": np.zeros(2, np.int32)},
        "belongs to a head": {"kind": "avatar", "vertices": None, "faces": None},
    }
    for sentence, changes in damaged.items():
        with pytest.raises(ProtocolError, match=sentence):
            encode(replace(HEAD, **changes))
    frames = sent(HEAD)
    frames[2] = np.array([[0, 1, -1]], "<i4").tobytes()
    with pytest.raises(ProtocolError, match="must index 3 vertices"):
        decode_request(frames)


def test_maps_lie_over_the_albedo() -> None:
    with pytest.raises(ProtocolError, match=r"TextureReady\.roughness must have 4 texels a side, got 2"):
        encode(TextureReady("a", 0, PICTURE, True, PICTURE, PICTURE[..., 0].copy(), PICTURE[:2, :2, 0].copy()))
    frames = sent(TextureReady("a", 0, PICTURE, True, roughness=PICTURE[..., 0].copy()))
    event = decode_event(frames)
    assert isinstance(event, TextureReady) and event.normal is None and event.occlusion is None
    assert np.array_equal(event.roughness, PICTURE[..., 0])


def test_what_breaks_a_rule_is_not_sent() -> None:
    for message in (
        JobRequest("spaces are not allowed"),
        JobRequest("a", seed=-1),
        JobRequest("a", options={"x": float("nan")}),
        Progressed("a", "s", 1.5),
        Progressed("a", "s", 0.5, preview=np.zeros((2, 2, 4), np.uint8)),
        Failed("a", "x", "y" * 5000),
    ):
        with pytest.raises(ProtocolError):
            encode(message)


def test_random_damage_raises_nothing_else() -> None:
    chance = random.Random(0)
    for message in EVENT_EXAMPLES:
        for _ in range(100):
            frames = [bytearray(frame) for frame in sent(message)]
            frame = chance.choice(frames)
            for _ in range(chance.randint(1, 4)):
                if frame:
                    frame[chance.randrange(len(frame))] = chance.randrange(256)
            if chance.random() < 0.2:
                frames.pop(chance.randrange(len(frames)))
            with contextlib.suppress(ProtocolError):
                decode_event([bytes(frame) for frame in frames])
