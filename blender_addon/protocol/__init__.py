# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire between the Blender add-on and the backend, version 1: this package is the specification.

**Transport.** ZeroMQ over TCP. The backend binds one ROUTER, each client connects one DEALER with a random routing id
of 16 bytes, which is what a connection is known by after its Hello. A message is a list of frames
`[header, buffer, ...]` behind the routing id; there is no empty delimiter.

**Beyond one machine** the backend's socket is a CURVE server (RFC 26) that admits the public keys of its list only, and
the connection file holds its public key and the client's secret one; the key in Hello is then not looked at.

**Header.** UTF-8 JSON of at most 256 KiB, 8 levels deep, without NaN:
`{"protocol": 1, "kind": "TextureReady", "fields": {...}, "buffers": [{"field": "albedo", "dtype": "uint8",
"shape": [256, 256, 3]}]}`. Each buffer is one raw frame, in order: little-endian, C order, of dtype uint8, int32 or
float32, at most 64 MiB; a blob (the portrait) has neither dtype nor shape. Unknown fields and buffers are ignored,
unknown kinds are ignored by clients and refused by the backend, another `protocol` is refused in a sentence;
`Refused` alone is understood from any version. Nothing is pickled. The kinds and their fields: `messages`.

**A connection.** Hello with the key of the connection file -> Welcome (session, capabilities, limits) or Refused.
Anything else before that is answered `Refused(code="hello_first")`; so is anything after the backend restarted, and
the client says Hello again. Welcome comes again when the capabilities change. A client silent for
`limits["ping_seconds"]` sends Ping; any traffic counts as life. Goodbye ends it; jobs go on.

**A job.** JobRequest with an id made by the client -> Accepted (place in the queue, again whenever it changes), then
Progressed at will, MeshReady once, TextureReady in rising levels, and exactly one of Finished and Failed, last.
A TextureReady is sent when the one before was answered by Applied, always the latest, those between are dropped; the
last is sent before Finished in any case. The same id again (or Follow) replays what is stored, MeshReady and the
latest TextureReady included, so a client that lost its connection, or its memory, asks again and misses nothing.
Cancel ends one job within one step of the sampler; the answer is Failed with code "cancelled".

**Added later** (still version 1: an older peer ignores or refuses them, and can follow all the rest). A backend that
knows ListJobs -> JobsListed, Move, Discard, DiscardStyle and FreeMemory names them in `capabilities["requests"]`; a
client sends none that is not named there. JobRequest may carry a label for that list, and one of
`capabilities["priorities"]`. Where `capabilities["kinds"]` names "refine", a JobRequest of that kind carries a head
as arrays; its MeshReady has the same triangles in the same order, in the backend's frame, with the coordinates that
the textures lie on. Where they name "adapt", a job of that kind makes a generator by minutes of work, then a head
with it, and ends as an avatar's does; it may step aside for others, which Accepted with a place says, and goes on
after them; from then on Welcome names the new one among the synthesizers and styles. What is cancelled, and asked for
again in the same words, goes on where it was.

**In pieces.** A client that says `chunks` in Hello gets Stored instead of MeshReady and TextureReady, if Fetch is among
`capabilities["requests"]`. Stored names the SHA-256 and size of the message packed into one run of bytes (`pack`); the
client asks for pieces by Fetch, `limits["chunk_ahead"]` at a time, gets Chunk for each, and goes on where it was after
a break. The digest names the content: what was half fetched is still good after a restart of either side.
"""

from .connection import CONNECTION_NAME, Connection, default_store, is_curve_key, is_loopback, read_connection
from .errors import ErrorCode, ProtocolError
from .messages import (
    HEAD_ARRAYS,
    MAX_HEAD_BYTES,
    MAX_PORTRAIT_BYTES,
    MAX_SEED,
    MAX_SOURCES_BYTES,
    PRIORITIES,
    Accepted,
    Applied,
    Cancel,
    Chunk,
    Discard,
    DiscardStyle,
    Event,
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
    Refused,
    Request,
    Stored,
    TextureReady,
    Welcome,
)
from .pack import pack, unpack
from .wire import VERSION, decode, decode_event, decode_request, encode, kinds_of

__all__ = [
    "CONNECTION_NAME",
    "HEAD_ARRAYS",
    "MAX_HEAD_BYTES",
    "MAX_PORTRAIT_BYTES",
    "MAX_SEED",
    "MAX_SOURCES_BYTES",
    "PRIORITIES",
    "VERSION",
    "Accepted",
    "Applied",
    "Cancel",
    "Chunk",
    "Connection",
    "Discard",
    "DiscardStyle",
    "ErrorCode",
    "Event",
    "Failed",
    "Fetch",
    "Finished",
    "Follow",
    "FreeMemory",
    "Goodbye",
    "Hello",
    "JobRequest",
    "JobsListed",
    "ListJobs",
    "MeshReady",
    "Move",
    "Ping",
    "Pong",
    "Progressed",
    "ProtocolError",
    "Refused",
    "Request",
    "Stored",
    "TextureReady",
    "Welcome",
    "decode",
    "decode_event",
    "decode_request",
    "default_store",
    "encode",
    "is_curve_key",
    "is_loopback",
    "kinds_of",
    "pack",
    "read_connection",
    "unpack",
]
