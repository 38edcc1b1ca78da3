# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe of an avatar on disk: from its folder, its recipe.json or the .glb alone, which carries it too."""

import json
import struct
from pathlib import Path
from typing import Any

from .request import AGAIN

RECIPE_KEY = "maquette_recipe"
"""Where a .glb's node carries the recipe, among its extras."""
MAX_BYTES = 16 << 20
_GLB, _HEADER_BYTES = b"glTF", 20


class RecipeError(Exception):
    """A file that holds no recipe; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str = "Give the folder that `maquette generate` wrote.") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def read_recipe(path: Path) -> dict[str, Any]:
    """The recipe of the avatar at `path`. Raises RecipeError."""
    file = path / "recipe.json" if path.is_dir() else path
    try:
        with open(file, "rb") as opened:
            begin = opened.read(_HEADER_BYTES)
            if begin[:4] == _GLB:
                (length,) = struct.unpack("<I", begin[12:16])
                content = opened.read(min(length, MAX_BYTES))
            else:
                content = begin + opened.read(MAX_BYTES)
        found = json.loads(content)
        if begin[:4] == _GLB:
            found = found["nodes"][0]["extras"][RECIPE_KEY]
    except OSError as error:
        raise RecipeError(f"{file} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, IndexError, TypeError, RecursionError, struct.error) as error:
        raise RecipeError(f"{file} is no recipe of an avatar") from error
    if not isinstance(found, dict):
        raise RecipeError(f"{file} is no recipe of an avatar")
    return found


def read_source(path: Path) -> tuple[str, dict[str, Any]]:
    """What edits and blends of that avatar start from, and its recipe. Raises RecipeError."""
    recipe = read_recipe(path)
    source = recipe.get("source")
    if not isinstance(source, str) or not source:
        raise RecipeError(f"the recipe of {path} does not tell what edits and blends start from", AGAIN)
    return source, recipe
