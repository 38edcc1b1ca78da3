# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between add-on and backend, by name.

ProtocolError               a message that cannot be sent or understood
    .code                   an ErrorCode
    str(error)              one sentence for a person
"""

from enum import StrEnum


class ErrorCode(StrEnum):
    """The codes of `Failed` and `Refused`. On the wire they are plain strings: a newer peer may send others."""

    BAD_MESSAGE = "bad_message"
    """The frames are no message of this protocol."""
    UNKNOWN_KIND = "unknown_kind"
    """A message of a kind this side does not know; harmless, ignored."""
    WRONG_VERSION = "wrong_version"
    """The peer speaks another major version."""
    WRONG_KEY = "wrong_key"
    """The key of the Hello is not the key of this backend."""
    HELLO_FIRST = "hello_first"
    """The backend does not know this connection (it restarted, or forgot it): say Hello again."""
    BAD_REQUEST = "bad_request"
    """Understood, but cannot be done: unknown preset, options out of range, an id used twice."""
    UNKNOWN_JOB = "unknown_job"
    """No job of that id is stored here."""
    NOT_STORED = "not_stored"
    """That result was replaced by a newer one, or deleted, while it was fetched."""
    QUEUE_FULL = "queue_full"
    """Too many jobs wait already."""
    BAD_PORTRAIT = "bad_portrait"
    """The picture cannot be used; the message says why."""
    CANCELLED = "cancelled"
    """Stopped by wish."""
    WORKER_DIED = "worker_died"
    """The process that computed the job ended unexpectedly; it is started again."""
    NOT_READY = "not_ready"
    """The worker cannot start: weights missing, device absent."""
    NOT_ALLOWED = "not_allowed"
    """The user has not allowed it: to go online, to use another computer. Said by clients to their users only."""
    OUT_OF_MEMORY = "out_of_memory"
    """The device's memory did not suffice."""
    INTERNAL = "internal"
    """A fault of our own."""


class ProtocolError(Exception):
    """A message that cannot be sent or understood; `str()` is a sentence for a person."""

    def __init__(self, code: ErrorCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
