# SPDX-License-Identifier: GPL-3.0-or-later
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from backend.faces.decode import MAX_SIDE, PortraitError, decode

SIDE = 96
RAMP = np.broadcast_to(np.linspace(0, 255, SIDE), (SIDE, SIDE))
COLOURS = np.stack([RAMP, RAMP.T, np.full((SIDE, SIDE), 90.0)], -1).astype(np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims to be huge."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100)
    chunks = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "PPM"])
def test_colours_survive(kind: str) -> None:
    settings = {"lossless": True} if kind == "WEBP" else {}
    picture = decode(encoded(Image.fromarray(COLOURS), kind, **settings))
    assert np.array_equal(picture.rgb, COLOURS) and picture.alpha is None and not picture.notes


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int) -> None:
    upright = Image.fromarray(COLOURS[:70])
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(decode(encoded(stored, exif=exif)).rgb, COLOURS[:70])


def test_grey_palette_and_cmyk() -> None:
    grey = Image.fromarray(RAMP.astype(np.uint8))
    assert np.array_equal(decode(encoded(grey)).rgb, np.repeat(np.asarray(grey)[..., None], 3, 2))
    palette = Image.fromarray(COLOURS).quantize(256)
    assert np.abs(decode(encoded(palette)).rgb.astype(int) - COLOURS).mean() < 8
    cmyk = Image.fromarray(COLOURS).convert("CMYK")
    assert np.abs(decode(encoded(cmyk, "JPEG", quality=98)).rgb.astype(int) - COLOURS).mean() < 4


def test_sixteen_bit_and_floating_point_grey() -> None:
    deep = Image.fromarray((RAMP * 257).astype(np.uint16))
    assert np.abs(decode(encoded(deep)).rgb[..., 0] - RAMP).max() <= 1
    floating = Image.fromarray((RAMP / 255).astype(np.float32))
    assert np.abs(decode(encoded(floating, "TIFF")).rgb[..., 1] - RAMP).max() <= 1


def test_alpha_is_kept_and_stands_on_grey() -> None:
    alpha = np.full((SIDE, SIDE), 255, np.uint8)
    alpha[:, : SIDE // 2] = 0
    picture = decode(encoded(Image.fromarray(np.dstack([COLOURS, alpha]))))
    assert picture.alpha is not None and np.array_equal(picture.alpha, alpha)
    assert (picture.rgb[:, 0] == 128).all() and np.array_equal(picture.rgb[:, -1], COLOURS[:, -1])


def test_opaque_alpha_is_none() -> None:
    assert decode(encoded(Image.fromarray(COLOURS).convert("RGBA"))).alpha is None


def test_animation_uses_its_first_frame_and_says_so() -> None:
    frames = [Image.fromarray(COLOURS), Image.fromarray(255 - COLOURS)]
    picture = decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert "animated" in picture.notes[0]
    assert np.abs(picture.rgb.astype(int) - COLOURS).mean() < 16


def test_an_embedded_profile_is_used_and_a_broken_one_ignored() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(decode(encoded(Image.fromarray(COLOURS), icc_profile=srgb)).rgb.astype(int) - COLOURS).max() <= 2
    assert np.array_equal(decode(encoded(Image.fromarray(COLOURS), icc_profile=b"nonsense")).rgb, COLOURS)


def test_large_pictures_are_reduced() -> None:
    wide = Image.new("RGB", (2 * MAX_SIDE, 128), (10, 200, 30))
    picture = decode(encoded(wide, "JPEG", quality=95))
    assert picture.rgb.shape[1] <= MAX_SIDE and np.abs(picture.rgb.astype(int) - [10, 200, 30]).max() <= 4


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "not an image"),
        (b"hello, this is text" * 99, "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "not an image"),
        (bomb(15_000, 15_000), "million pixels"),
        (bomb(60_000, 60_000), "million pixels"),
        (bomb(500, 500), "damaged"),
        (encoded(Image.new("RGB", (300, 20))), "300 x 20"),
        (encoded(Image.fromarray(COLOURS), "JPEG")[:900], "damaged"),
    ],
    ids=["empty", "text", "eps", "bomb", "huge bomb", "short png", "tiny", "cut jpeg"],
)
def test_unusable_files_are_refused_in_one_sentence(content: bytes, part: str) -> None:
    with pytest.raises(PortraitError) as refusal:
        decode(content)
    assert part in refusal.value.message and refusal.value.hint and "\n" not in refusal.value.message
