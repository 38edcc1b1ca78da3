# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures for the panel: what a running job looks like, and the chosen portrait. They are no data of the .blend."""

from pathlib import Path

import bpy
import bpy.utils.previews
import numpy as np

from . import axes


class Pictures:
    """Icons by key; `close` frees them all."""

    def __init__(self) -> None:
        self._icons = bpy.utils.previews.new()
        self._shown: dict[str, np.ndarray] = {}

    def show(self, key: str, picture: np.ndarray) -> int:
        """The icon of a uint8 sRGB picture `[H, W, 3]`; drawn anew only when another array comes for the key."""
        if self._shown.get(key) is not picture:
            squared = axes.square(picture)
            icon = self._icons.get(key) or self._icons.new(key)
            icon.image_size = squared.shape[1::-1]
            icon.image_pixels_float.foreach_set(axes.pixels_to_blender(squared))
            self._shown[key] = picture
        return int(self._icons[key].icon_id)

    def load(self, path: str) -> int:
        """The icon of an image file, 0 if there is none; Blender reads it in the background."""
        file = Path(path)
        if not file.is_file():
            return 0
        key = f"{path} {file.stat().st_mtime_ns}"
        icon = self._icons.get(key) or self._icons.load(key, path, "IMAGE")
        return int(icon.icon_id)

    def forget(self, key: str) -> None:
        """Frees the picture of a key, if there is one."""
        if key in self._icons:
            del self._icons[key]
        self._shown.pop(key, None)

    def close(self) -> None:
        """Frees all."""
        bpy.utils.previews.remove(self._icons)
        self._shown.clear()
