# SPDX-License-Identifier: GPL-3.0-or-later
from typing import Any

import numpy as np
import pytest

from blender_addon.protocol import ProtocolError
from blender_addon.protocol.fields import MAX_DEPTH, Array, Blob, Flag, Real, Rule, Table, Text, Whole


def nested(depth: int) -> dict[str, Any]:
    return {"a": nested(depth - 1)} if depth else {}


GOOD: list[tuple[Rule, Any]] = [
    (Text(3), "äöü"),
    (Text(3, "[a-z]+"), "abc"),
    (Whole(0, 5), 5),
    (Real(0, 1), 1),
    (Flag(), False),
    (Table(), {"a": [1, 2.5, None, True, "x", {"b": []}]}),
    (Table(), nested(MAX_DEPTH)),
    (Blob(3), b"abc"),
    (Array("int32", ("F", 3), 10), np.zeros((0, 3), np.int32)),
    (Array("uint8", ("T", "T", 3), 10), np.zeros((10, 10, 3), np.uint8)),
]
BAD: list[tuple[Rule, Any]] = [
    (Text(3), "abcd"),
    (Text(3), b"abc"),
    (Text(3, "[a-z]+"), "ab\n"),
    (Text(3), "\udc80"),
    (Whole(0, 5), 6),
    (Whole(0, 5), 1.0),
    (Whole(0, 5), True),
    (Real(0, 1), float("nan")),
    (Real(0, 1), "1"),
    (Flag(), 1),
    (Table(), []),
    (Table(), {1: 2}),
    (Table(), {"a": b"b"}),
    (Table(), {"a": float("inf")}),
    (Table(), nested(MAX_DEPTH + 1)),
    (Blob(3), b"abcd"),
    (Blob(3), "abc"),
    (Array("int32", ("F", 3), 10), np.zeros((11, 3), np.int32)),
    (Array("int32", ("F", 3), 10), np.zeros((1, 3), np.int64)),
    (Array("uint8", ("T", "T", 3), 10), np.zeros((10, 9, 3), np.uint8)),
    (Array("uint8", ("T", "T", 3), 10), [[1]]),
]


@pytest.mark.parametrize(("rule", "value"), GOOD, ids=str)
def test_what_fits_passes_unchanged(rule: Rule, value: Any) -> None:
    assert rule.check("x", value) is value or rule.check("x", value) == value


@pytest.mark.parametrize(("rule", "value"), BAD, ids=str)
def test_what_does_not_fit_is_named_in_a_sentence(rule: Rule, value: Any) -> None:
    with pytest.raises(ProtocolError, match=r"^x must be .*got") as caught:
        rule.check("x", value)
    assert len(str(caught.value)) < 300
