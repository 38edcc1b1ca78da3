# SPDX-License-Identifier: GPL-3.0-or-later
"""An adapted generator on the shelf: a style, which every list of generators shows."""

import json
import os
from contextlib import suppress
from typing import Any

from ..weights.library import Entry, LibraryError, entries, place, read_entry
from .adapt import Adapted


def shelve(adapted: Adapted, name: str, told: dict[str, Any] | None = None, overwrite: bool = False) -> Entry:
    """Copy it into the library of models under a name, in one step; what is `told` comes into its recipe.

    Raises LibraryError for a name that cannot be one or is taken, and where the folder takes no file.
    """
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    target = place(name)
    free(name, overwrite)
    staged = target.with_name(f".{name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with safe_open(adapted.path, "pt") as file:
            header = file.metadata() | {"recipe": json.dumps(adapted.recipe | (told or {}))}
        save_file(load_file(adapted.path), staged, metadata=header)
        staged.chmod(0o644)
        os.replace(staged, target)
    except OSError as error:
        with suppress(OSError):
            staged.unlink()
        raise LibraryError(
            f"{target.parent} cannot take the style: {error.strerror or error}",
            "Choose a folder with free space: MAQUETTE_MODELS.",
        ) from error
    return read_entry(target)


def free(name: str, overwrite: bool = False) -> None:
    """Say before the work whether a name can be had; a style may be replaced, what it was made from never.

    Raises LibraryError.
    """
    place(name)
    taken = entries().get(name)
    if taken is None or (overwrite and taken.recipe is not None):
        return
    if taken.recipe is None:
        raise LibraryError(f"{name} is a generator of its own, which no style replaces", "Choose another name.")
    raise LibraryError(f"there is a style called {name} already", "Choose another name, or say to overwrite it.")
