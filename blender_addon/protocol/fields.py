# SPDX-License-Identifier: GPL-3.0-or-later
"""What a field of a message may hold: the rules that both sides check when sending and when receiving.

A message annotates each field, `Annotated[float, Real(0, 1)]`; a field whose type admits None may be absent.
`Array` and `Blob` travel as raw frames, everything else inside the JSON header.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import ErrorCode, ProtocolError

DTYPES: dict[str, np.dtype[Any]] = {"uint8": np.dtype("u1"), "int32": np.dtype("<i4"), "float32": np.dtype("<f4")}
"""Everything an array may be on the wire; little-endian, C order."""

MAX_BUFFER_BYTES = 64 << 20
MAX_DEPTH = 8


def unfit(name: str, expected: str, got: object) -> ProtocolError:
    """The error for a field that does not hold what it must; long values are cut."""
    shown = repr(got)
    shown = shown if len(shown) <= 60 else shown[:60] + "..."
    return ProtocolError(ErrorCode.BAD_MESSAGE, f"{name} must be {expected}, got {shown}.")


@dataclass(frozen=True, slots=True)
class Text:
    """A string of at most `limit` characters, all of it matching `pattern`; half surrogates would not survive UTF-8."""

    limit: int
    pattern: str = r"[^\ud800-\udfff]*"

    def check(self, name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > self.limit or not re.fullmatch(self.pattern, value):
            raise unfit(name, f"a text of at most {self.limit} characters {self.pattern}", value)
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, bounds included."""

    low: int
    high: int

    def check(self, name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise unfit(name, f"a whole number from {self.low} to {self.high}", value)
        return value


@dataclass(frozen=True, slots=True)
class Real:
    """A finite number, bounds included."""

    low: float
    high: float

    def check(self, name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not self.low <= value <= self.high:
            raise unfit(name, f"a number from {self.low} to {self.high}", value)
        return float(value)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def check(self, name: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise unfit(name, "true or false", value)
        return value


@dataclass(frozen=True, slots=True)
class Table:
    """A JSON object of limited depth: options, capabilities, a recipe. Its keys are the business of who reads it."""

    def check(self, name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise unfit(name, "a table", value)
        check_json(name, value)
        return value


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes as they are, say an image file."""

    limit: int

    def check(self, name: str, value: Any) -> bytes:
        if not isinstance(value, bytes) or len(value) > self.limit:
            size = len(value) if isinstance(value, bytes) else value
            raise unfit(name, f"at most {self.limit} bytes", size)
        return value


@dataclass(frozen=True, slots=True)
class Array:
    """An array of one dtype; a shape entry is a number or a letter for any size up to `side`."""

    dtype: str
    shape: tuple[int | str, ...]
    side: int

    def check(self, name: str, value: Any) -> np.ndarray[Any, Any]:
        if not isinstance(value, np.ndarray):
            raise unfit(name, str(self), value)
        if value.dtype != DTYPES[self.dtype] or not self.fits(value.shape) or value.nbytes > MAX_BUFFER_BYTES:
            raise unfit(name, str(self), f"{value.dtype} {list(value.shape)}")
        return value

    def fits(self, shape: Sequence[Any]) -> bool:
        """Whether the sizes are whole numbers in range, equal wherever the letters are."""
        if len(shape) != len(self.shape):
            return False
        letters: dict[str, int] = {}
        for wanted, size in zip(self.shape, shape, strict=True):
            if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= self.side:
                return False
            if size != (wanted if isinstance(wanted, int) else letters.setdefault(wanted, size)):
                return False
        return True

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)} of sides up to {self.side}"


Rule = Text | Whole | Real | Flag | Table | Blob | Array


def check_json(name: str, value: Any, depth: int = 0) -> None:
    """Raises unless `value` is plain JSON: finite numbers, text keys, at most MAX_DEPTH levels."""
    if depth > MAX_DEPTH:
        raise unfit(name, f"at most {MAX_DEPTH} levels deep", "deeper")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise unfit(name, "a table with text keys", key)
            check_json(name, key, depth + 1)
            check_json(name, inner, depth + 1)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            check_json(name, inner, depth + 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise unfit(name, "finite", value)
    elif isinstance(value, str):
        if re.search(r"[\ud800-\udfff]", value):
            raise unfit(name, "text without half surrogates", value)
    elif not (value is None or isinstance(value, int)):
        raise unfit(name, "plain JSON", value)
