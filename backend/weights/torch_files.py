# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints in any of torch's formats, in safetensors or as a plain pickle, opened without running anything."""

import struct
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from .pickled import MAGIC, RefusedPickle, Storage, read_legacy, read_pickle, storage_of
from .store import WeightsError

LARGEST = 16 << 30
"""Bytes of a file; published ones have a tenth."""
HINT = "Nothing of it was run. Take the file from its publisher again, or name another with --as."


def open_checkpoint(path: Path) -> Any:
    """What the file holds: dicts, lists, numbers, `pickled.Record`s and `pickled.Stored` tensors, or torch tensors.

    Raises WeightsError, one sentence, for a file that is damaged or holds anything else.
    """
    try:
        size = path.stat().st_size
        if not path.is_file() or not 0 < size <= LARGEST:
            raise WeightsError(f"{path.name} is no checkpoint", "Give the file of a published model.")
        with open(path, "rb") as file:
            start = file.read(9)
        if start[:4] == b"PK\x03\x04":
            return _zipped(path)
        if start[8:9] == b"{":
            return _safetensors(path)
        return _pickled(path)
    except RefusedPickle as error:
        raise WeightsError(f"{path.name} {error}", HINT) from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}", "Check the path.") from error


def _pickled(path: Path) -> Any:
    content = path.read_bytes()
    file = BytesIO(content)
    found = read_pickle(file)
    return read_legacy(file, len(content)) if found == MAGIC else found


def _zipped(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
            programs = [name for name in entries if name.endswith("/data.pkl")]
            if len(programs) != 1 or f"{programs[0].removesuffix('data.pkl')}constants.pkl" in entries:
                raise RefusedPickle("is an archive, but not of torch's plain tensors")
            root = programs[0].removesuffix("data.pkl")
            # torch stores without compression: what is packed tightly would be a bomb.
            if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries.values()):
                raise RefusedPickle("is a compressed archive, which torch never writes")
            order = archive.read(f"{root}byteorder") if f"{root}byteorder" in entries else b"little"
            if order != b"little":
                raise RefusedPickle("was written on a machine of the other byte order")
            storages: dict[str, Storage] = {}

            def persistent(pid: Any) -> Storage:
                key = str(pid[2]) if isinstance(pid, tuple) and len(pid) > 2 else ""
                if key not in storages:
                    storages[key] = storage_of(pid, lambda name: archive.read(f"{root}data/{name}"))
                return storages[key]

            return read_pickle(BytesIO(archive.read(programs[0])), persistent)
    except (
        zipfile.BadZipFile, zipfile.LargeZipFile, LookupError, EOFError, NotImplementedError, ValueError, RuntimeError,
        OverflowError, MemoryError, struct.error,
    ) as error:  # fmt: skip
        raise RefusedPickle("is damaged or cut off") from error


def _safetensors(path: Path) -> Any:
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise RefusedPickle("is damaged or cut off") from error
