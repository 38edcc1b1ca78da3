# SPDX-License-Identifier: GPL-3.0-or-later
"""Texture payloads as Blender images, and back."""

import bpy
import numpy as np

from . import axes, tags


def new_image(job_id: str, name: str, side: int) -> bpy.types.Image:
    """An empty 8-bit sRGB image that belongs to the job; its user count is its materials' business."""
    image = bpy.data.images.new(name, side, side, alpha=False, float_buffer=False)
    image.colorspace_settings.name = "sRGB"
    image[tags.JOB] = job_id
    return image


def write_image(image: bpy.types.Image, albedo: np.ndarray, level: int) -> None:
    """Shows uint8 sRGB texels `[T, T, 3]`, top row first, at their own size, and packs them into the .blend."""
    height, width, _ = albedo.shape
    if tuple(image.size) != (width, height):
        image.scale(width, height)
    image.pixels.foreach_set(axes.pixels_to_blender(albedo))
    image.update()
    image.pack()
    image[tags.LEVEL] = level


def read_image(image: bpy.types.Image) -> np.ndarray:
    """The image's texels as uint8 `[H, W, 3]`, top row first."""
    width, height = image.size
    pixels = np.empty(width * height * 4, dtype=np.float32)
    image.pixels.foreach_get(pixels)
    return axes.pixels_from_blender(pixels, width, height)
