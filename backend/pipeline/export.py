# SPDX-License-Identifier: GPL-3.0-or-later
"""An avatar on disk: `avatar.glb`, `recipe.json`, `preview.png`, all of them or none."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from backend.surface.mesh import Mesh
from backend.texture.maps import TextureSet
from backend.texture.preview import preview

from .glb import glb
from .recipes import RECIPE_KEY

FILES = ("avatar.glb", "recipe.json", "preview.png")
PREVIEW_SIZE = 384
"""Side of each of the preview's four views, pixels."""


class ExportError(Exception):
    """A folder that cannot take the avatar; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def prepare_folder(folder: Path, overwrite: bool, files: tuple[str, ...] = FILES, what: str = "an avatar") -> None:
    """Makes the folder and finds out, before any work, whether `files` can be written there.

    Raises ExportError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".maquette-", dir=folder):
            pass
    except OSError as error:
        raise unwritable(folder, error) from error
    taken = [name for name in files if (folder / name).exists()]
    if taken and not overwrite:
        raise ExportError(
            f"{folder} already holds {what} ({', '.join(taken)})", "Choose another folder, or add --overwrite."
        )


def write_avatar(folder: Path, mesh: Mesh, textures: TextureSet, recipe: dict[str, Any]) -> tuple[Path, ...]:
    """Writes the three files; those of before are replaced only once all three are complete.

    Raises ExportError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".maquette-", dir=folder) as staging:
            staged = [Path(staging, name) for name in FILES]
            staged[0].write_bytes(glb(mesh, textures, "Avatar", {RECIPE_KEY: recipe}))
            staged[1].write_text(json.dumps(recipe, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            Image.fromarray(preview(mesh, textures, PREVIEW_SIZE)).save(staged[2], compress_level=3)
            for file in staged:
                os.replace(file, folder / file.name)
    except OSError as error:
        raise unwritable(folder, error) from error
    return tuple(folder / name for name in FILES)


def unwritable(folder: Path, error: OSError) -> ExportError:
    """The sentence about a folder that cannot be written."""
    return ExportError(
        f"{folder} cannot be written: {error.strerror or error}", "Choose a folder of your own with free space."
    )
