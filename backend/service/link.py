# SPDX-License-Identifier: GPL-3.0-or-later
"""What server and worker say to each other beyond the protocol's own messages; frames as in `protocol.wire`.

The server sends JobRequest and Cancel. The worker sends Ready or Unable once, then the events of its job, the last of
which is Finished or Failed; before the first job and after each, Memory.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from blender_addon.protocol import Event, JobRequest, kinds_of
from blender_addon.protocol.fields import Whole
from blender_addon.protocol.messages import Cancel, JsonTable, Sentence, Word

MAX_MESSAGE_BYTES = 65 << 20
BEAT = b"b"
"""Appended to a worker's routing id for a second line, on which a thread of its own says that the process lives: one
empty frame every BEAT_SECONDS, also while a step computes."""
BEAT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Ready:
    """The runner is loaded."""

    capabilities: JsonTable


@dataclass(frozen=True, slots=True)
class Unable:
    """The runner cannot be loaded; the worker ends."""

    code: Word
    message: Sentence
    hint: Sentence = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """Of the device, in bytes."""

    free: Annotated[int, Whole(0, 1 << 50)]
    total: Annotated[int, Whole(0, 1 << 50)]


FROM_WORKER: dict[str, Any] = {**kinds_of(Event), "Ready": Ready, "Unable": Unable, "Memory": Memory}
TO_WORKER: dict[str, Any] = {"JobRequest": JobRequest, "Cancel": Cancel}
