# SPDX-License-Identifier: GPL-3.0-or-later
"""Any image file -> upright sRGB pixels, or one sentence why not."""

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF", "JPEG2000", "TGA")
"""Formats that Pillow decodes by itself; others (EPS, say) would start programs."""
READABLE = "Save it as JPEG, PNG, WebP or TIFF and try again."
MAX_PIXELS = 120_000_000
MAX_SIDE = 4096
"""Larger pictures are reduced: no texture shows more."""
MIN_SIDE = 64
BACKDROP = 128
"""Grey behind transparent pixels."""


class PortraitError(Exception):
    """A picture that cannot be used; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Picture:
    """Decoded pixels."""

    rgb: np.ndarray
    """sRGB u8 [H, W, 3], upright, in front of grey where the file is transparent."""
    alpha: np.ndarray | None
    """u8 [H, W], None for a picture without transparency."""
    notes: tuple[str, ...]
    """What was done that the user may want to know."""


def decode(content: bytes) -> Picture:
    """The first frame of an image file, upright by its EXIF entry, in sRGB.

    Raises PortraitError for anything that is no usable picture.
    """
    image, notes = _open(content)
    try:
        if image.format == "JPEG":
            image.draft("RGB" if image.mode != "CMYK" else "CMYK", (MAX_SIDE, MAX_SIDE))  # decodes large files reduced
        image.load()
        profile = image.info.get("icc_profile")
        image = ImageOps.exif_transpose(image)
        if max(image.size) > MAX_SIDE:
            image = _eight_bit(image)
            image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        image = _eight_bit(image)
        alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
        rgb = _srgb(image, profile)
    except PortraitError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise PortraitError("the picture's file is damaged and cannot be read to its end", READABLE) from error
    if alpha is None or alpha.getextrema()[0] == 255:
        return Picture(np.asarray(rgb), None, notes)
    backdrop = Image.new("RGB", rgb.size, (BACKDROP,) * 3)
    return Picture(np.asarray(Image.composite(rgb, backdrop, alpha)), np.asarray(alpha), notes)


def _open(content: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    Image.init()
    formats = [name for name in FORMATS if name in Image.OPEN]  # AVIF is optional
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is ours
            image = Image.open(io.BytesIO(content), formats=formats)
    except Image.DecompressionBombError as error:
        raise PortraitError(
            f"the picture has more than {MAX_PIXELS // 1_000_000} million pixels", "Reduce it and try again."
        ) from error
    except Exception as error:
        raise PortraitError("the file is not an image that can be read", READABLE) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PortraitError(
            f"the picture has {width * height / 1e6:.0f} million pixels; "
            f"{MAX_PIXELS // 1_000_000} million are the limit",
            "Reduce it and try again.",
        )
    if min(width, height) < MIN_SIDE:
        raise PortraitError(
            f"the picture is only {width} x {height} pixels; a portrait needs at least {MIN_SIDE} each way",
            "Take a larger picture; 512 pixels or more across the head are good.",
        )
    moving = getattr(image, "n_frames", 1) > 1 and image.format in ("GIF", "WEBP", "PNG", "AVIF")
    return image, ("the picture is animated; its first frame is used",) if moving else ()


def _eight_bit(image: Image.Image) -> Image.Image:
    """RGB, RGBA, L, LA or CMYK with eight bits each, from any mode."""
    if image.mode in ("RGB", "RGBA", "L", "LA", "CMYK"):
        return image
    if image.mode.startswith(("I", "F")):
        grey = np.asarray(image).astype(np.float64)
        if image.mode == "F":
            grey = grey * (255 if grey.max() <= 1 else 255 / max(grey.max(), 255))
        elif grey.max() > 255:
            grey = grey / 257
        return Image.fromarray(np.clip(np.nan_to_num(grey) + 0.5, 0, 255).astype(np.uint8))
    transparent = "transparency" in image.info or image.mode.endswith(("A", "a"))
    return image.convert("RGBA" if transparent else "RGB")


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Colours by the embedded profile, where there is a usable one."""
    colours = image.convert("RGB") if image.mode == "RGBA" else image.convert("L") if image.mode == "LA" else image
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a profile that does not fit its picture says nothing about the colours
    return colours.convert("RGB")
