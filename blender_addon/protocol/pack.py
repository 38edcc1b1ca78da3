# SPDX-License-Identifier: GPL-3.0-or-later
"""A message's frames as one run of bytes, for files and for what is fetched in pieces.

Number of frames, then the length of each, as little-endian u64; then the frames.
"""

import struct
from collections.abc import Sequence
from typing import Any

from .errors import ErrorCode, ProtocolError
from .wire import MAX_FRAMES


def pack(frames: Sequence[Any]) -> list[bytes | memoryview]:
    """The run in parts, nothing copied: its head, then the frames."""
    views = [memoryview(frame) for frame in frames]
    return [struct.pack(f"<{len(views) + 1}Q", len(views), *(view.nbytes for view in views)), *views]


def unpack(run: bytes | bytearray | memoryview) -> list[memoryview]:
    """The frames, as views of the run. Raises ProtocolError where it is damaged."""
    view = memoryview(run)
    count = struct.unpack_from("<Q", view)[0] if view.nbytes >= 8 else 0
    if not 1 <= count <= MAX_FRAMES or view.nbytes < 8 * (count + 1):
        raise ProtocolError(ErrorCode.BAD_MESSAGE, "A stored result must begin with the lengths of its frames.")
    frames, start = [], 8 * (count + 1)
    for length in struct.unpack_from(f"<{count}Q", view, 8):
        frames.append(view[start : start + length])
        start += length
    if start != view.nbytes:
        raise ProtocolError(ErrorCode.BAD_MESSAGE, f"A stored result must have {start} bytes, got {view.nbytes}.")
    return frames
