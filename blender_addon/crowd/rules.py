# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON values -> frozen dataclasses; each field has a rule that checks, complains in a sentence and tells its schema.

A field of a table is declared by `key(rule, default, "what it means")`; a field without default is required.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Schema = dict[str, Any]


class SpecError(ValueError):
    """A specification that cannot be carried out; `message` is one sentence that names the key, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Rule(Protocol):
    """What a value must be."""

    def check(self, name: str, value: Any) -> Any:
        """The value as Python has it. Raises SpecError naming `name`."""

    def schema(self) -> Schema:
        """The same as JSON Schema (2020-12)."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, bounds included."""

    low: int
    high: int

    def check(self, name: str, value: Any) -> int:
        # 200.0 is a whole number to JSON Schema, and to people.
        right = not isinstance(value, bool) and isinstance(value, (int, float)) and value == value // 1
        if not right or not self.low <= value <= self.high:
            raise unfit(name, f"a whole number from {self.low} to {self.high}", value)
        return int(value)

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Real:
    """A finite number, bounds included."""

    low: float
    high: float

    def check(self, name: str, value: Any) -> float:
        right = not isinstance(value, bool) and isinstance(value, (int, float))
        if not right or not (math.isfinite(value) and self.low <= value <= self.high):
            raise unfit(name, f"a number from {self.low:g} to {self.high:g}", value)
        return float(value)

    def schema(self) -> Schema:
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    def check(self, name: str, value: Any) -> str:
        if value not in self.words:
            raise unfit(name, f"one of {', '.join(self.words)}", value)
        return str(value)

    def schema(self) -> Schema:
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Line:
    """Text on one line, not empty."""

    limit: int = 1000

    def check(self, name: str, value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= self.limit or not value.isprintable():
            raise unfit(name, f"one line of text of 1 to {self.limit} characters", value)
        return value

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": self.limit}


@dataclass(frozen=True, slots=True)
class Many:
    """A list, each of whose values obeys one rule."""

    rule: Rule
    least: int = 1
    most: int = 100_000

    def check(self, name: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)) or not self.least <= len(value) <= self.most:
            wanted = f"a list of {_span(self.least, self.most)} values"
            if isinstance(value, (list, tuple)):
                raise SpecError(f"{name} must be {wanted}, got {len(value)}")
            raise unfit(name, wanted, value)
        return tuple(self.rule.check(f"{name}[{number}]", each) for number, each in enumerate(value))

    def schema(self) -> Schema:
        return {"type": "array", "items": self.rule.schema(), "minItems": self.least, "maxItems": self.most}


@dataclass(frozen=True, slots=True)
class Named:
    """An object with names of the user's own, each of whose values obeys one rule."""

    rule: Rule
    most: int = 1000
    limit: int = 100
    """Characters of a name."""

    def check(self, name: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not 1 <= len(value) <= self.most:
            raise unfit(name, f"an object with 1 to {self.most} keys", value)
        told = Line(self.limit)
        return {told.check(f"a key of {name}", each): self.rule.check(f"{name}.{each}", value[each]) for each in value}

    def schema(self) -> Schema:
        names = {"minLength": 1, "maxLength": self.limit}
        sizes = {"minProperties": 1, "maxProperties": self.most}
        return {"type": "object", "propertyNames": names, "additionalProperties": self.rule.schema(), **sizes}


@dataclass(frozen=True, slots=True)
class Table:
    """An object whose keys are the fields of a dataclass."""

    kind: type

    def check(self, name: str, value: Any) -> Any:
        return value if isinstance(value, self.kind) else table_of(self.kind, value, name)

    def schema(self) -> Schema:
        return schema_of(self.kind)


def key(rule: Rule, default: Any = MISSING, meaning: str = "") -> Any:
    """A field of a table; None as default means that the key may be left out."""
    metadata = {"rule": rule, "meaning": meaning}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def table_of(kind: type[T], value: Any, name: str = "") -> T:
    """The dataclass that a JSON object describes. Raises SpecError."""
    if not isinstance(value, Mapping):
        raise unfit(name or "the specification", "an object in braces", value)
    known: dict[str, Field[Any]] = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    for given in value:
        if given not in known:
            raise SpecError(f"there is no key {_inside(name, str(given))}", f"Keys are {', '.join(known)}.")
    found = {}
    for each in known.values():
        if each.name in value:
            found[each.name] = each.metadata["rule"].check(_inside(name, each.name), value[each.name])
        elif each.default is MISSING:
            raise SpecError(f"{_inside(name, each.name)} is missing", str(each.metadata["meaning"]))
    return kind(**found)


def schema_of(kind: type) -> Schema:
    """JSON Schema of the objects that `table_of` takes."""
    properties, required = {}, []
    for each in fields(kind):
        schema = each.metadata["rule"].schema() | {"description": each.metadata["meaning"]}
        if each.default is MISSING:
            required.append(each.name)
        elif each.default is not None and isinstance(each.default, (bool, int, float, str)):
            schema["default"] = each.default
        properties[each.name] = schema
    whole: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return whole | ({"required": required} if required else {})


def unfit(name: str, wanted: str, value: Any) -> SpecError:
    """The complaint about one value, shortened to what fits into a sentence."""
    shown = repr(value)
    return SpecError(f"{name} must be {wanted}, got {shown if len(shown) <= 60 else shown[:57] + '...'}")


def _inside(name: str, key_name: str) -> str:
    return f"{name}.{key_name}" if name else key_name


def _span(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"
