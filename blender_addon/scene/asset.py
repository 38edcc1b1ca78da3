# SPDX-License-Identifier: GPL-3.0-or-later
"""Avatars in Blender's asset browser."""

from pathlib import Path

import bpy
import numpy as np

from . import catalog, tags

PREVIEW = 128
"""Side of the picture, where Blender cannot make one by itself."""


def mark(avatar: bpy.types.Object, recipe: dict) -> None:
    """Marks the object as an asset of the catalog, with tags and a picture."""
    avatar.asset_mark()
    avatar.asset_data.catalog_id = catalog.IDENTITY
    avatar.asset_data.description = f"Head made with Maquette, seed {recipe.get('seed', '?')}"
    for word in ("avatar", "portrait" if recipe.get("portrait") else "seed", str(recipe.get("preset", ""))):
        if word and word not in avatar.asset_data.tags:
            avatar.asset_data.tags.new(word)
    if bpy.app.background:
        _paint_preview(avatar)
    else:
        avatar.asset_generate_preview()


def add_catalog(folder: Path) -> bool:
    """Adds the catalog to the folder's list; false if it is there. Raises OSError."""
    path = folder / catalog.FILE_NAME
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    after = catalog.with_catalog(before)
    if after == before:
        return False
    path.write_text(after, encoding="utf-8")
    return True


def _paint_preview(avatar: bpy.types.Object) -> None:
    """Without a window Blender renders no previews: the texture itself stands for the avatar."""
    albedo = tags.find_image(avatar[tags.JOB])
    preview = avatar.preview_ensure()
    preview.image_size = (PREVIEW, PREVIEW)
    if albedo is not None and min(albedo.size) > 0:
        width, height = albedo.size
        pixels = np.empty(width * height * 4, dtype=np.float32)
        albedo.pixels.foreach_get(pixels)
        rows, columns = (np.arange(PREVIEW) * side // PREVIEW for side in (height, width))
        shown = pixels.reshape(height, width, 4)[rows][:, columns]
        preview.image_pixels_float.foreach_set(shown.reshape(-1))
