# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's folder of converted, trained and adapted models, listed from the files' headers alone: no torch.

Models of the same families that ship lie beside this file and are listed first; nobody's own can take their names.
One safetensors file a model: tensors by our names, and in its header format, family, configuration, licence, origin
and, of a style (a generator that a sentence changed), the recipe.
"""

import json
import logging
import os
import re
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from .licences import Licence

FORMAT = "maquette-converted-1"
INPUTS = {"eg3d": ("seed",), "panohead": ("seed",), "triposr": ("portrait",), "sdf-gan": ("portrait", "seed")}
"""Family -> what its avatars are made from."""
ADAPTABLE = ("sdf-gan", "eg3d", "panohead")
"""Families that a sentence can change, the usual one first."""
SHIPPED = {"heads": Path(__file__).with_name("heads.safetensors")}
"""Models that come with the package, by name."""
MAX_NAME = 40
NAME = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{MAX_NAME - 1}}}")
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
    recipe: dict[str, Any] | None = None
    """Of a style: the "prompt" that changed the "model" of another name, and all that is needed to do so again."""

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
    if name in SHIPPED:
        raise LibraryError(f"{name} is a generator that ships with Maquette", "Choose another name.")
    return folder() / f"{name}.safetensors"


def entries() -> dict[str, Entry]:
    """All models by name, shipped ones first; files that are none are left out, with a line in the log."""
    try:
        files = sorted(path for path in folder().glob("*.safetensors") if path.stem not in SHIPPED)
    except OSError:
        files = []
    found = {}
    for file in (*(path for path in SHIPPED.values() if path.exists()), *files):
        try:
            found[file.stem] = read_entry(file)
        except LibraryError as error:
            log.warning("%s", error)
    return found


def adaptable() -> tuple[str, ...]:
    """Names of the models that a sentence can change, the usual one first; styles last: what they came from makes the
    purer new ones."""
    found = [entry for entry in entries().values() if entry.family in ADAPTABLE]
    found.sort(key=lambda entry: (entry.recipe is not None, ADAPTABLE.index(entry.family)))
    return tuple(each.name for each in found)


def styles() -> dict[str, Entry]:
    """The models that a sentence made of others, by name."""
    return {name: entry for name, entry in entries().items() if entry.recipe is not None}


def remove(name: str) -> None:
    """Delete a model from the user's folder. Raises LibraryError where there is none, or it cannot be deleted."""
    path = place(name)
    try:
        path.unlink()
    except FileNotFoundError:
        known = ", ".join(entries()) or "it is empty"
        raise LibraryError(f"there is no model called {name} in your folder", f"There: {known}.") from None
    except OSError as error:
        raise LibraryError(f"the model {name} cannot be deleted: {error.strerror or error}", str(path)) from error


def free_name(wanted: str, reserved: Iterable[str] = ()) -> str:
    """A name for a new model after some words: "A marble statue!" -> "a-marble-statue", numbered where it is taken or
    reserved."""
    word = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).strip("-")[: MAX_NAME - 4].strip("-") or "style"
    taken = {*entries(), *SHIPPED, *reserved}
    numbered = (word if number == 1 else f"{word}-{number}" for number in count(1))
    return next(each for each in numbered if each not in taken and not place(each).exists())


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
        recipe = json.loads(told["recipe"]) if "recipe" in told else None
        if not isinstance(recipe, dict | None):
            raise ValueError
        return Entry(path.stem, path, told["family"], parts["config"], licence, parts["origin"], recipe)
    except OSError as error:
        raise LibraryError(f"the model {path.stem} cannot be read: {error.strerror or error}", again) from error
    except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
        raise LibraryError(f"{path.name} is no converted model of this version", again) from error
