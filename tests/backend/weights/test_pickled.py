# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a pickle asks for, nothing is imported or called."""

import pickle
import random
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.weights.pickled import Record, RefusedPickle, Stored, read_pickle
from tests import foreign


class Reduced:
    """Pickles as a call."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


def global_(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


TUPLE, REDUCE, STOP, BUILD, EMPTY_TUPLE = b"\x85", b"R", b".", b"b", b")"
TEXT = b"\x8c\x05touch"


@pytest.mark.parametrize(
    ("program", "asked"),
    [
        (global_("os", "system") + TEXT + TUPLE + REDUCE + STOP, "os.system"),
        (global_("posix", "system") + TEXT + TUPLE + REDUCE + STOP, "posix.system"),
        (global_("builtins", "eval") + TEXT + TUPLE + REDUCE + STOP, "builtins.eval"),
        (global_("__builtin__", "exec") + TEXT + TUPLE + REDUCE + STOP, "builtins.exec"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93" + TEXT + TUPLE + REDUCE + STOP, "os.system"),
        (b"(i" + b"subprocess\nPopen\n" + STOP, "subprocess.Popen"),
        (b"(" + global_("os", "system") + TEXT + b"o" + STOP, "os.system"),
        (global_("torch", "load") + TEXT + TUPLE + REDUCE + STOP, "torch.load"),
        (global_("torch.hub", "load") + STOP, "torch.hub.load"),
        (global_("numpy", "load") + STOP, "numpy.load"),
        (global_("training.networks", "__class__.__mro__") + STOP, "__class__"),
        (global_("backend.weights.pickled", "read_pickle") + STOP, "backend.weights.pickled"),
        (global_("operator", "attrgetter") + STOP, "operator.attrgetter"),
    ],
)
def test_names_of_anything_else_are_refused_by_name(program: bytes, asked: str) -> None:
    with pytest.raises(RefusedPickle, match=asked):
        read_pickle(BytesIO(program))


def test_a_modules_class_is_a_record_and_its_function_is_not_called() -> None:
    made = read_pickle(BytesIO(global_("training.triplane", "TriPlaneGenerator") + EMPTY_TUPLE + b"\x81" + STOP))
    assert isinstance(made, Record) and made.kind == "TriPlaneGenerator"
    with pytest.raises(RefusedPickle, match=r"would call training\.training_loop\.main"):
        read_pickle(BytesIO(global_("training.training_loop", "main") + TEXT + TUPLE + REDUCE + STOP))


def test_no_state_can_be_given_to_names() -> None:
    """BUILD sets attributes: with a real function on the stack it would change this program."""
    with pytest.raises(RefusedPickle, match="gives a state to what has none"):
        read_pickle(BytesIO(global_("torch._utils", "_rebuild_tensor_v2") + b"}\x8c\x01a\x8c\x01bs" + BUILD + STOP))


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x04N" + b"r\xff\xff\xff\xff.",  # a memo of four thousand million places
        b"\x8d" + b"\xff" * 7 + b"\x7f.",  # a text of 9e18 letters
        b"\x80\x04\x95" + b"\xff" * 7 + b"\x7fN.",  # a frame of as many bytes
    ],
)
def test_forged_sizes_take_no_memory(program: bytes) -> None:
    with suppress(RefusedPickle):
        assert read_pickle(BytesIO(program)) is None


def test_source_code_is_dropped_unread(tmp_path: Path) -> None:
    module = foreign.Module("OSGDecoder")
    module.state["hidden_dim"] = 64
    path = foreign.save_pickle(tmp_path / "a.pkl", {"G_ema": module})
    assert foreign.HOSTILE.encode() in path.read_bytes()
    found = read_pickle(BytesIO(path.read_bytes()))["G_ema"]
    assert found.kind == "OSGDecoder" and found["hidden_dim"] == 64
    assert foreign.HOSTILE not in repr(found)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensors_arrays_and_settings_come_back(protocol: int) -> None:
    tensor = torch.arange(12.0).reshape(3, 4)
    content: dict[str, Any] = {
        "tensor": tensor[:, 1:3], "half": tensor.half(), "brain": tensor.bfloat16(), "whole": torch.arange(5),
        "parameter": torch.nn.Parameter(tensor), "none": None, "gain": np.float64(0.25), "shape": torch.Size([2, 3]),
        "array": np.arange(6, dtype=np.float32).reshape(2, 3), "set": {1, 2}, "bytes": b"ab", "list": [1, 2.5, "x"],
        "dtype": torch.float16, "big": np.arange(3, dtype=">i4"),
    }  # fmt: skip
    found = read_pickle(BytesIO(pickle.dumps(content, protocol)))
    for name in ("tensor", "half", "brain", "whole", "parameter"):
        assert isinstance(found[name], Stored)
        assert torch.equal(found[name].tensor(), content[name].detach())
    assert found["gain"] == 0.25 and found["shape"] == (2, 3) and found["set"] == {1, 2} and found["bytes"] == b"ab"
    assert found["list"] == [1, 2.5, "x"] and found["none"] is None and str(found["dtype"]) == "torch.float16"
    assert np.array_equal(found["array"].values, content["array"]) and found["big"].values.tolist() == [0, 1, 2]


def test_tensors_stay_within_their_numbers() -> None:
    def forged(size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> bytes:
        function, (storage, *_) = torch.zeros(4).__reduce_ex__(2)
        return pickle.dumps(Reduced(function, (storage, offset, size, stride, False, {})))

    assert read_pickle(BytesIO(forged((2, 2), (2, 1), 0))).tensor().shape == (2, 2)
    for size, stride, offset in (((5,), (1,), 0), ((2,), (3,), 1), ((100000, 100000), (0, 0), 0), ((1,), (1,), 9)):
        with pytest.raises(RefusedPickle, match="beyond its numbers"):
            read_pickle(BytesIO(forged(size, stride, offset))).tensor()


def test_arrays_of_objects_are_refused() -> None:
    with pytest.raises(RefusedPickle):
        read_pickle(BytesIO(pickle.dumps(np.array([{"a": 1}, None], dtype=object))))


def test_damage_is_a_refusal_and_nothing_else(tmp_path: Path) -> None:
    """Any byte changed, or the end cut off: plain values or RefusedPickle."""
    module = foreign.Module("Part")
    module.state |= {"_parameters": {"w": torch.arange(6.0)}, "gain": np.float64(2), "axes": np.arange(3)}
    whole = foreign.save_pickle(tmp_path / "a.pkl", {"G_ema": module}).read_bytes()
    draw = random.Random(0)
    for trial in range(1500):
        spoilt = bytearray(whole)
        if trial % 3 == 0:
            spoilt = spoilt[: draw.randrange(len(whole))]
        else:
            for _ in range(1 + trial % 4):
                spoilt[draw.randrange(len(whole))] = draw.randrange(256)
        try:
            read_pickle(BytesIO(bytes(spoilt)))
        except RefusedPickle as error:
            assert "\n" not in str(error)
