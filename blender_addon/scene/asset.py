# SPDX-License-Identifier: GPL-3.0-or-later
"""Avatars in Blender's asset browser."""

import logging
from pathlib import Path

import bpy
import numpy as np

from . import catalog, tags

log = logging.getLogger(__name__)

PREVIEW = 128
"""Side of the picture, where Blender cannot make one by itself."""


def mark(avatar: bpy.types.Object, recipe: dict) -> None:
    """Marks the object as an asset of the catalog, with tags and a picture."""
    avatar.asset_mark()
    avatar.asset_data.catalog_id = catalog.IDENTITY
    said = str((recipe.get("options") or {}).get("sentence", ""))
    words = f"“{said}”, " if said else ""
    avatar.asset_data.description = f"Head made with Maquette, {words}seed {recipe.get('seed', '?')}"
    source = "portrait" if recipe.get("portrait") else "sentence" if said else "seed"
    for word in ("avatar", source, str(recipe.get("preset", ""))):
        if word and word not in avatar.asset_data.tags:
            avatar.asset_data.tags.new(word)
    if bpy.app.background:
        _paint_preview(avatar)
    else:
        avatar.asset_generate_preview()


def note_catalog() -> None:
    """Where the saved file holds such assets: adds the catalog to the list beside it, if it is not there."""
    if not bpy.data.filepath or not any(
        each.asset_data is not None and each.asset_data.catalog_id == catalog.IDENTITY for each in bpy.data.objects
    ):
        return
    path = Path(bpy.data.filepath).parent / catalog.FILE_NAME
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if (after := catalog.with_catalog(before)) != before:
            path.write_text(after, encoding="utf-8")
    except (OSError, UnicodeError) as error:  # saving itself went well: the assets only stand under Unassigned
        log.warning("the catalog of avatars cannot be written to %s: %s", path, error)


@bpy.app.handlers.persistent
def after_save(*_: object) -> None:
    """What Blender calls after a file was saved."""
    note_catalog()


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
