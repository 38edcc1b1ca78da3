# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's folder of converted models, listed from the files' headers alone: no torch.

One safetensors file a model: tensors by our names, and in its header format, family, configuration, licence and origin.
"""

import json
import logging
import os
import re
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .licences import Licence

FORMAT = "maquette-converted-1"
INPUTS = {"eg3d": ("seed",), "panohead": ("seed",), "triposr": ("portrait",), "sdf-gan": ("portrait", "seed")}
"""Family -> what its avatars are made from."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""What a model may be called."""
MAX_HEADER_BYTES = 8 << 20

log = logging.getLogger(__name__)


class LibraryError(Exception):
    """A converted model that is not there or cannot be kept; `message` says why and `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True)
class Entry:
    """One converted model."""

    name: str
    path: Path
    family: str
    """A key of `INPUTS`."""
    config: dict[str, Any]
    """Of its network."""
    licence: Licence
    origin: dict[str, str]
    """The checkpoint's "file" name and "sha256"."""

    @property
    def model_hash(self) -> str:
        """Names the weights in recipes."""
        return self.origin["sha256"][:16]

    @property
    def note(self) -> str:
        """What an avatar's recipe says of the terms; empty where they ask for nothing."""
        return "" if self.licence.commercial else f"made with {self.name}, non-commercial: {self.licence.name}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """What its avatars are made from."""
        return INPUTS[self.family]


def folder() -> Path:
    """Where converted models live; MAQUETTE_MODELS moves it."""
    if chosen := os.environ.get("MAQUETTE_MODELS"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "maquette" / "models"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "maquette" / "models"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "maquette" / "models"


def place(name: str) -> Path:
    """The file of a model of this name. Raises LibraryError for a name that cannot be one."""
    if not NAME.fullmatch(name):
        raise LibraryError(
            f"a model cannot be called {name!r}", "Use up to 40 small letters, digits and hyphens: --name my-heads"
        )
    return folder() / f"{name}.safetensors"


def entries() -> dict[str, Entry]:
    """All converted models by name; files that are none are left out, with a line in the log."""
    found = {}
    try:
        files = sorted(folder().glob("*.safetensors"))
    except OSError:
        return {}
    for file in files:
        try:
            found[file.stem] = read_entry(file)
        except LibraryError as error:
            log.warning("%s", error)
    return found


def read_entry(path: Path) -> Entry:
    """What the header of a converted model says. Raises LibraryError."""
    again = "Convert the checkpoint again: maquette convert FILE --as eg3d|panohead|triposr"
    try:
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > MAX_HEADER_BYTES:
                raise ValueError
            told = json.loads(file.read(length))["__metadata__"]
        if told["format"] != FORMAT or told["family"] not in INPUTS or not NAME.fullmatch(path.stem):
            raise ValueError
        parts = {name: json.loads(told[name]) for name in ("config", "licence", "origin")}
        licence = Licence.from_json(parts["licence"])
        return Entry(path.stem, path, told["family"], parts["config"], licence, parts["origin"])
    except OSError as error:
        raise LibraryError(f"the model {path.stem} cannot be read: {error.strerror or error}", again) from error
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise LibraryError(f"{path.name} is no converted model of this version", again) from error
