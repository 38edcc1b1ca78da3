# SPDX-License-Identifier: GPL-3.0-or-later
"""Texture payloads as Blender images, and back."""

from dataclasses import dataclass, field

import bpy
import numpy as np

from . import axes, png, tags


@dataclass(frozen=True, slots=True)
class Packed:
    """A texture as it is kept with a job."""

    level: int
    content: bytes = field(repr=False)
    """The albedo, a PNG file."""
    maps: dict[str, bytes] = field(default_factory=dict, repr=False)
    """The other images by their `tags.MAP`, PNG files; with the last texture of a job, if at all."""


def new_image(job_id: str, name: str, side: int) -> bpy.types.Image:
    """An empty 8-bit sRGB image that belongs to the job; its user count is its materials' business."""
    image = bpy.data.images.new(name, side, side, alpha=False, float_buffer=False)
    image.colorspace_settings.name = "sRGB"
    image[tags.JOB] = job_id
    return image


def new_map(job_id: str, name: str, kind: str, content: bytes) -> bpy.types.Image:
    """An image of numbers instead of colours, from a PNG file."""
    image = new_image(job_id, name, 4)
    image.colorspace_settings.name = "Non-Color"
    image[tags.MAP] = kind
    _pack(image, content)
    return image


def packed(albedo: np.ndarray, level: int) -> Packed:
    """uint8 sRGB texels `[T, T, 3]`, top row first, as the file they are kept in."""
    return Packed(level, png.encode_now(albedo))


def show_file(image: bpy.types.Image, texture: Packed) -> None:
    """Packs the file into the .blend; Blender reads the image from it when and where it is next drawn.

    Against writing `pixels` and calling `pack()` this costs a tenth of a millisecond: Blender need not encode the
    file, and the image is not marked as changed, so that closing asks nothing.
    """
    _pack(image, texture.content)
    image[tags.LEVEL] = texture.level


def read_image(image: bpy.types.Image) -> np.ndarray:
    """The image's texels as sRGB uint8 `[H, W, 3]`, top row first."""
    width, height = image.size
    pixels = np.empty(width * height * image.channels, dtype=np.float32)
    image.pixels.foreach_get(pixels)
    if image.channels != 4:
        # Grey, grey with coverage, or colours without: the panel's numbers are always four.
        few = pixels.reshape(-1, image.channels)
        colours = few if image.channels == 3 else np.repeat(few[:, :1], 3, axis=1)
        pixels = np.column_stack([colours, np.ones(len(few), np.float32)]).reshape(-1)
    if image.is_float:
        pixels = axes.encoded(pixels)
    return axes.pixels_from_blender(pixels, width, height)


def _pack(image: bpy.types.Image, content: bytes) -> None:
    image.pack(data=content, data_len=len(content))
    if image.source != "FILE":
        image.source = "FILE"
    image.buffers_free()  # not reload(), which looks for the file on disk first
