# SPDX-License-Identifier: GPL-3.0-or-later
"""Message <-> frames: one JSON header, then one raw frame per array or blob. Nothing received is ever executed."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, cast, get_args, get_type_hints

import numpy as np

from . import messages
from .errors import ErrorCode, ProtocolError
from .fields import DTYPES, MAX_BUFFER_BYTES, Array, Blob, Rule, check_json, unfit
from .messages import Event, Request

VERSION = 1
"""Of the protocol: raised when an older peer could no longer follow. New fields and kinds do not raise it."""

MAX_HEADER_BYTES = 256 << 10
MAX_FRAMES = 12
"""Until heads could be sent it was 9; an older peer refuses longer messages, which it would not understand either."""


def kinds_of(union: Any) -> dict[str, Any]:
    """The table of a tagged union: wire kind -> dataclass."""
    return {kind.__name__: kind for kind in get_args(union)}


REQUESTS = kinds_of(Request)
EVENTS = kinds_of(Event)


def encode(message: Any) -> list[bytes | memoryview]:
    """The frames of a message; arrays are not copied, so they must stay unchanged until sent.

    Raises ProtocolError where a field breaks its rule.
    """
    kind = type(message).__name__
    plain: dict[str, Any] = {}
    buffers: list[dict[str, Any]] = []
    frames: list[bytes | memoryview] = [b""]
    for name, (rule, optional, _) in _rules(message.__class__).items():
        value = getattr(message, name)
        if value is None and optional:
            continue
        if isinstance(rule, Array):
            array = np.ascontiguousarray(rule.check(f"{kind}.{name}", value))
            buffers.append({"field": name, "dtype": rule.dtype, "shape": list(array.shape)})
            frames.append(array.data.cast("B") if array.size else b"")
        elif isinstance(rule, Blob):
            buffers.append({"field": name})
            frames.append(rule.check(f"{kind}.{name}", value))
        else:
            plain[name] = rule.check(f"{kind}.{name}", value)
    _check_whole(message)
    header = {"protocol": VERSION, "kind": kind, "fields": plain, "buffers": buffers}
    frames[0] = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    if len(frames[0]) > MAX_HEADER_BYTES:
        raise unfit(f"The header of {kind}", f"at most {MAX_HEADER_BYTES} bytes", len(frames[0]))
    return frames


def decode_request(frames: Sequence[Any]) -> Request:
    """The message that a client sent. Raises ProtocolError."""
    return cast(Request, decode(frames, REQUESTS))


def decode_event(frames: Sequence[Any]) -> Event:
    """The message that a backend sent. Raises ProtocolError."""
    return cast(Event, decode(frames, EVENTS))


def decode(frames: Sequence[Any], kinds: dict[str, Any]) -> Any:
    """The message in `frames` (bytes-like), of one of `kinds`; arrays are read-only views of their frames.

    Raises ProtocolError, and nothing else, whatever the frames hold.
    """
    header = _header(frames)
    kind = header.get("kind")
    # A refusal is understood from any version, or else a version mismatch could not be told.
    if header.get("protocol") != VERSION and kind != "Refused":
        version = header.get("protocol")
        shown = version if isinstance(version, int) else "?"
        raise ProtocolError(
            ErrorCode.WRONG_VERSION,
            f"The other side speaks version {shown} of the Maquette protocol and this side version {VERSION}; "
            "install the same Maquette release on both.",
        )
    if not isinstance(kind, str) or kind not in kinds:
        raise ProtocolError(ErrorCode.UNKNOWN_KIND, f"Messages of kind {str(kind)[:40]!r} are not known here.")
    plain, buffers = header.get("fields"), header.get("buffers", [])
    if not isinstance(plain, dict) or not isinstance(buffers, list) or len(buffers) != len(frames) - 1:
        raise _bad(f"{kind} must come with fields and one frame per buffer.")
    described = _described(buffers, frames[1:])
    values: dict[str, Any] = {}
    for name, (rule, optional, required) in _rules(kinds[kind]).items():
        label = f"{kind}.{name}"
        if name in described and isinstance(rule, (Array, Blob)):
            values[name] = rule.check(label, _buffer(label, rule, *described[name]))
        elif name in plain and not isinstance(rule, (Array, Blob)):
            values[name] = rule.check(label, plain[name])
        elif required and not optional:
            raise _bad(f"{label} is missing.")
    message = kinds[kind](**values)
    _check_whole(message)
    return message


@cache
def _rules(kind: Any) -> dict[str, tuple[Rule, bool, bool]]:
    """Field name -> (rule, may be None, has no default)."""
    hints = get_type_hints(kind, include_extras=True)
    rules = {}
    for entry in fields(kind):
        held, rule = get_args(hints[entry.name])
        required = entry.default is MISSING and entry.default_factory is MISSING
        rules[entry.name] = (rule, type(None) in get_args(held), required)
    return rules


def _header(frames: Sequence[Any]) -> dict[str, Any]:
    if not 1 <= len(frames) <= MAX_FRAMES:
        raise _bad(f"A message must have 1 to {MAX_FRAMES} frames, got {len(frames)}.")
    head = memoryview(frames[0])
    if head.nbytes > MAX_HEADER_BYTES:
        raise _bad(f"A header must have at most {MAX_HEADER_BYTES} bytes, got {head.nbytes}.")
    try:
        header = json.loads(head.tobytes().decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _bad("A header must be JSON in UTF-8.") from error
    if not isinstance(header, dict):
        raise _bad("A header must be a JSON object.")
    check_json("A header", header)
    return header


def _described(buffers: list[Any], frames: Sequence[Any]) -> dict[str, tuple[dict[str, Any], memoryview]]:
    described = {}
    for entry, frame in zip(buffers, frames, strict=True):
        view = memoryview(frame)
        if not isinstance(entry, dict) or not isinstance(entry.get("field"), str) or view.nbytes > MAX_BUFFER_BYTES:
            raise _bad(f"Each buffer must name its field and have at most {MAX_BUFFER_BYTES} bytes.")
        described[entry["field"]] = (entry, view)
    return described


def _buffer(label: str, rule: Array | Blob, entry: dict[str, Any], view: memoryview) -> Any:
    if isinstance(rule, Blob):
        return view.tobytes()
    shape = entry.get("shape")
    if entry.get("dtype") != rule.dtype or not isinstance(shape, list) or not rule.fits(shape):
        raise unfit(label, str(rule), f"{entry.get('dtype')} {shape}")
    dtype = DTYPES[rule.dtype]
    expected = math.prod(shape) * dtype.itemsize
    if expected != view.nbytes:
        raise unfit(label, f"{shape} of {rule.dtype}, {expected} bytes", view.nbytes)
    array = np.frombuffer(view, dtype).reshape(shape) if expected else np.empty(shape, dtype)
    array.flags.writeable = False
    return array


def _check_whole(message: Any) -> None:
    problem: Callable[[], str | None] | None = getattr(message, "problem", None)
    if problem is not None and (sentence := problem()):
        raise ProtocolError(ErrorCode.BAD_MESSAGE, sentence)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _bad(sentence: str) -> ProtocolError:
    return ProtocolError(ErrorCode.BAD_MESSAGE, sentence)


__all__ = ["VERSION", "decode", "decode_event", "decode_request", "encode", "kinds_of", "messages"]
