# SPDX-License-Identifier: GPL-3.0-or-later
"""Pickles read as data: names stay names, nothing that a file says is ever imported or called.

A pickle is a program whose instructions push values and call what it names. Here a name becomes a `Name`, which cannot
be called; the few calls that tensors and plain settings need are done by functions of this file; every other name is
refused before anything else happens. Objects of classes become `Record`s: a dict of their state and the class's name.
Source code that EG3D's modules carry along is dropped unread.
"""

import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

DTYPES = {
    "FloatStorage": torch.float32, "DoubleStorage": torch.float64, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}  # fmt: skip
"""torch's names of storages."""
CLASSES = ("training.", "torch_utils.", "torch.nn.modules.", "torch.nn.parameter.", "dnnlib.", "dnnlib ")
"""Where classes of models live; their objects are read as records."""
OLD_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}
"""What Python 2, and pickles up to protocol 2, call modules."""
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
"""With which torch's older format begins."""


class RefusedPickle(Exception):
    """A pickle that is not just tensors and settings, or is no pickle; the text is one clause."""


@dataclass(frozen=True, slots=True)
class Name:
    """What a pickle calls something; never the thing itself."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Record(dict[str, Any]):
    """An object's state."""

    kind = ""
    """Its class, without the module."""


@dataclass(slots=True)
class Storage:
    """The numbers behind tensors."""

    flat: Tensor


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor as the pickle says it lies in its storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def tensor(self) -> Float[Tensor, "..."]:
        """The tensor itself, a view. Raises RefusedPickle if it reaches beyond its storage."""
        flat = self.storage.flat
        reach = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        count = int(np.prod(self.shape, dtype=object)) if self.shape else 1
        if count and (reach >= len(flat) or count > len(flat)):
            raise RefusedPickle("holds a tensor that reaches beyond its numbers")
        return flat.as_strided(self.shape, self.strides, self.offset) if count else flat.new_zeros(self.shape)


@dataclass(slots=True)
class _Array:
    """A numpy array or its type while it is being read."""

    values: Any


Persistent = Callable[[Any], Storage]


class _Reader(pickle._Unpickler):  # its memo is a dict: a forged index cannot take all memory
    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: BinaryIO, persistent: Persistent | None = None) -> None:
        super().__init__(file, encoding="latin1")
        self._persistent = persistent

    def find_class(self, module: str, name: str) -> Name:
        found = Name(OLD_MODULES.get(module, module), name)
        known = str(found) in _CALLS or str(found) in _PLAIN or (module == "torch" and name in DTYPES)
        known = known or (module == "torch" and isinstance(getattr(torch, name, None), torch.dtype))
        if not known and not (f"{module}.".startswith(CLASSES) and name.isidentifier()):
            raise RefusedPickle(f"asks for {found}, which is no part of a model")
        return found

    def persistent_load(self, pid: Any) -> Storage:
        if self._persistent is None:
            raise RefusedPickle("refers to numbers that are not in it")
        return self._persistent(pid)

    def load_reduce(self) -> None:
        stack: list[Any] = self.stack  # type: ignore[attr-defined]
        arguments, called = stack.pop(), stack[-1]
        stack[-1] = _called(called, arguments)

    dispatch[pickle.REDUCE[0]] = load_reduce

    def load_newobj(self) -> None:
        stack: list[Any] = self.stack  # type: ignore[attr-defined]
        arguments, kind = stack.pop(), stack.pop()
        stack.append(_made(kind, arguments))

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def load_newobj_ex(self) -> None:
        stack: list[Any] = self.stack  # type: ignore[attr-defined]
        named, arguments, kind = stack.pop(), stack.pop(), stack.pop()
        stack.append(_made(kind, (*arguments, *named)))

    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex

    def _instantiate(self, kind: Any, arguments: Any) -> None:
        self.append(_made(kind, tuple(arguments)))  # type: ignore[attr-defined]

    def load_build(self) -> None:
        stack: list[Any] = self.stack  # type: ignore[attr-defined]
        state = stack.pop()
        _fill(stack[-1], state)

    dispatch[pickle.BUILD[0]] = load_build


def read_pickle(file: BinaryIO, persistent: Persistent | None = None) -> Any:
    """The next pickle of a file, made of plain values, Records, Stored tensors and numpy arrays.

    Raises RefusedPickle, by name, for anything else.
    """
    try:
        return _Reader(file, persistent).load()
    except RefusedPickle:
        raise
    except (
        EOFError, pickle.UnpicklingError, ValueError, LookupError, AttributeError, TypeError, AssertionError,
        struct.error, NotImplementedError, RuntimeError,
    ) as error:  # fmt: skip
        raise RefusedPickle("is damaged or cut off") from error
    except (MemoryError, OverflowError) as error:
        raise RefusedPickle("is damaged: it asks for more memory than there can be") from error


def read_legacy(file: BinaryIO, size: int) -> Any:
    """What torch's older format holds, after its magic number was read; `size` bounds what it may claim."""
    if read_pickle(file) != PROTOCOL:
        raise RefusedPickle("is of an unknown version of torch's format")
    read_pickle(file)  # about the machine that wrote it
    storages: dict[str, Storage] = {}

    def persistent(pid: Any) -> Storage:
        kind, key, count = _storage_id(pid)
        if key not in storages:
            if count * kind.itemsize > size:
                raise RefusedPickle("claims more numbers than it holds")
            storages[key] = Storage(torch.zeros(count, dtype=kind))
        return storages[key]

    content = read_pickle(file, persistent)
    keys = read_pickle(file)
    if not isinstance(keys, list) or set(map(str, keys)) != set(storages):
        raise RefusedPickle("is damaged: its numbers do not belong to its tensors")
    for key in keys:
        flat = storages[str(key)].flat
        count = int.from_bytes(file.read(8), "little")
        if count not in (len(flat), len(flat) * flat.itemsize):
            raise RefusedPickle("is damaged: its numbers are of another length")
        flat.copy_(as_flat(file.read(len(flat) * flat.itemsize), flat.dtype, len(flat)))
    return content


def storage_of(pid: Any, read: Callable[[str], bytes]) -> Storage:
    """The numbers that an id of torch's zip format stands for."""
    kind, key, count = _storage_id(pid)
    return Storage(as_flat(read(key), kind, count))


def as_flat(content: bytes, kind: torch.dtype, count: int) -> Float[Tensor, " N"]:
    """Bytes as numbers. Raises RefusedPickle if there are not just as many."""
    if len(content) != count * kind.itemsize:
        raise RefusedPickle("is damaged: some of its numbers are missing")
    return torch.frombuffer(bytearray(content), dtype=kind) if count else torch.zeros(0, dtype=kind)


def _storage_id(pid: Any) -> tuple[torch.dtype, str, int]:
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[1], Name):
        raise RefusedPickle("is damaged: it refers to numbers in an unknown way")
    kind, count = DTYPES.get(pid[1].name), pid[4]
    if kind is None or not isinstance(count, int) or count < 0:
        raise RefusedPickle(f"holds numbers of an unknown kind, {pid[1]}")
    return kind, str(pid[2]), count


def _called(called: Any, arguments: Any) -> Any:
    if not isinstance(called, Name) or str(called) not in _CALLS:
        raise RefusedPickle(f"would call {called if isinstance(called, Name) else 'something'}")
    return _CALLS[str(called)](*arguments)


def _made(kind: Any, arguments: Any) -> Any:
    if not isinstance(kind, Name):
        raise RefusedPickle("is damaged: it makes an object of no class")
    if str(kind) in _CALLS:
        return _CALLS[str(kind)](*arguments)
    if arguments:
        raise RefusedPickle(f"would call {kind}")
    made = Record()
    made.kind = kind.name
    return made


def _fill(made: Any, state: Any) -> None:
    if isinstance(made, _Array):
        made.values = _array_state(made.values, state)
    elif isinstance(made, dict) and isinstance(state, dict):
        made.update(state)
    elif state is not None:
        raise RefusedPickle("is damaged: it gives a state to what has none")


def _persistent_object(meta: Any) -> Record:
    made = Record(meta["state"] or {})
    made.kind = str(meta["class_name"])
    return made


def _old_object(kind: Name, base: Name, state: Any) -> Any:
    made = _made(kind, ())
    if str(base) == "builtins.dict":
        made.update(state or {})
    return made


def _tensor(storage: Storage, offset: int, shape: Any, strides: Any, *_: Any) -> Stored:
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, Storage) or not all(isinstance(each, int) and each >= 0 for each in numbers):
        raise RefusedPickle("is damaged: a tensor has no valid shape")
    return Stored(storage, offset, tuple(shape), tuple(strides))


def _nested(content: bytes) -> Storage:
    """A storage that was pickled without torch.save's help: a small file of torch's older format."""
    file = BytesIO(content)
    if read_pickle(file) != MAGIC:
        raise RefusedPickle("holds numbers in an unknown format")
    found = read_legacy(file, len(content))
    if not isinstance(found, Storage):
        raise RefusedPickle("is damaged: it holds something else where numbers should be")
    return found


def _dtype(code: str, *_: Any) -> _Array:
    kind = np.dtype(code)
    if kind.kind not in "fiub":
        raise RefusedPickle(f"holds an array of {kind}")
    return _Array(kind)


def _array_state(before: Any, state: Any) -> Any:
    if isinstance(before, np.dtype):
        order = state[1]
        return before.newbyteorder(order) if order in ("<", ">") else before
    _, shape, kind, columns, content = state
    content = content.encode("latin1") if isinstance(content, str) else content
    if not isinstance(kind, _Array) or not isinstance(content, bytes):
        raise RefusedPickle("holds an array of objects")
    return np.frombuffer(content, kind.values).reshape(shape, order="F" if columns else "C")


def _buffered(content: Any, kind: _Array, shape: Any, order: str) -> _Array:
    return _Array(np.frombuffer(bytes(content), kind.values).reshape(shape, order="F" if order == "F" else "C"))


def _scalar(kind: _Array, content: Any) -> float | int | bool:
    content = content.encode("latin1") if isinstance(content, str) else content
    value: float | int | bool = np.frombuffer(content, kind.values)[0].item()
    return value


def _collected(kind: Callable[[Any], Any]) -> Callable[..., Any]:
    def collect(*content: Any) -> Any:
        if content and not isinstance(content[0], (list, tuple, set, bytes, dict)):
            raise RefusedPickle("is damaged: a collection is made of no list")
        return kind(*content)

    return collect


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1" if encoding in ("latin1", "latin-1") else "utf-8")


_CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
    "torch.storage._load_from_bytes": _nested,
    "torch.Size": lambda sizes=(): tuple(sizes),
    "torch.device": lambda *words: ":".join(map(str, words)),
    "torch_utils.persistence._reconstruct_persistent_obj": _persistent_object,
    "collections.OrderedDict": _collected(dict),
    "builtins.set": _collected(set),
    "builtins.frozenset": _collected(frozenset),
    "builtins.bytearray": _collected(bytes),
    "builtins.dict": _collected(dict),
    "_codecs.encode": _encoded,
    "copyreg._reconstructor": _old_object,
    "numpy.dtype": _dtype,
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _buffered for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray._reconstruct": lambda *_: _Array(None) for core in ("core", "_core")},
}
"""All that is ever done on behalf of a file."""
_PLAIN = {"builtins.object", "builtins.dict", "numpy.ndarray"}
"""Names that stand beside arguments and are never called."""
