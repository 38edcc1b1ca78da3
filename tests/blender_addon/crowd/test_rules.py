# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import dataclass

import pytest

from blender_addon.crowd.rules import Choice, Line, Many, Real, SpecError, Table, Whole, key, schema_of, table_of


@dataclass(frozen=True)
class Inner:
    size: float = key(Real(0, 1), 0.5, "How large.")


@dataclass(frozen=True)
class Outer:
    name: str = key(Line(5), meaning="What it is called.")
    count: int | None = key(Whole(1, 9), None, "How many.")
    kind: str = key(Choice(("a", "b")), "a", "Which.")
    inner: Inner = key(Table(Inner), Inner(), "Inside.")  # noqa: RUF009
    pairs: tuple[tuple[float, ...], ...] = key(Many(Many(Real(-1, 1), 2, 2)), (), "Pairs.")


def test_a_table_is_read_with_its_defaults():
    found = table_of(Outer, {"name": "x", "count": 3.0, "pairs": [[0, 1]], "inner": {"size": 1}})
    assert found == Outer("x", 3, "a", Inner(1.0), ((0.0, 1.0),))
    assert table_of(Outer, {"name": "x"}) == Outer("x")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({}, "name is missing"),
        ([], "the specification must be an object in braces, got []"),
        ({"name": "x", "nmae": 1}, "there is no key nmae"),
        ({"name": ""}, "name must be one line of text of 1 to 5 characters, got ''"),
        ({"name": "x\n"}, "name must be one line"),
        ({"name": "x", "count": 2.5}, "count must be a whole number from 1 to 9, got 2.5"),
        ({"name": "x", "count": True}, "count must be a whole number from 1 to 9, got True"),
        ({"name": "x", "count": float("nan")}, "count must be a whole number"),
        ({"name": "x", "count": float("inf")}, "count must be a whole number"),
        ({"name": "x", "count": None}, "count must be a whole number from 1 to 9, got None"),
        ({"name": "x", "kind": "c"}, "kind must be one of a, b, got 'c'"),
        ({"name": "x", "kind": []}, "kind must be one of a, b, got []"),
        ({"name": "x", "inner": {"size": 2}}, "inner.size must be a number from 0 to 1, got 2"),
        ({"name": "x", "inner": {"sise": 2}}, "there is no key inner.sise"),
        ({"name": "x", "inner": 3}, "inner must be an object in braces, got 3"),
        ({"name": "x", "pairs": [[0, 1], [0, 7]]}, "pairs[1][1] must be a number from -1 to 1, got 7"),
        ({"name": "x", "pairs": [[0]]}, "pairs[0] must be a list of 2 values, got 1"),
        ({"name": "x", "pairs": "01"}, "pairs must be a list of 1 to 100000 values, got '01'"),
        ({"name": "x", "kind": "y" * 500}, "..."),
    ],
)
def test_what_is_wrong_is_named_in_one_sentence(value, sentence):
    with pytest.raises(SpecError) as caught:
        table_of(Outer, value)
    assert sentence in caught.value.message
    assert "\n" not in caught.value.message and len(caught.value.message) < 200


def test_the_schema_says_the_same():
    schema = schema_of(Outer)
    assert schema["required"] == ["name"] and schema["additionalProperties"] is False
    assert schema["properties"]["count"] == {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many."}
    assert schema["properties"]["inner"]["properties"]["size"]["default"] == 0.5
    assert schema["properties"]["pairs"]["items"]["maxItems"] == 2
