# SPDX-License-Identifier: GPL-3.0-or-later
"""Colour of skin, hair, cloth and beards: textures of the assets turned to a person's own colours.

Arithmetic is linear; pictures go in and out sRGB-encoded, RGBA in [0, 1].
"""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from .assets import BODY_VERTICES, Pack, load_image
from .parameters import HAIR_COLOURS, PersonParameters

SKIN_SIZE = 1024
TONES = ("edc9b4", "e3b596", "cf9a76", "a8734f", "7d5238", "593829", "3d271e")
"""sRGB skin colours from light to dark, evenly spaced along the tone axis."""


def to_linear(encoded: np.ndarray) -> np.ndarray:
    """sRGB to linear light."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light to sRGB."""
    powered = 1.055 * np.maximum(linear, 1e-8) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, linear * 12.92, powered).astype(np.float32)


def opaque(linear: np.ndarray) -> np.ndarray:
    """Linear RGB as an encoded RGBA picture."""
    return np.concatenate([to_srgb(np.clip(linear, 0, 1)), np.ones_like(linear[..., :1])], -1)


def hair_colour(person: PersonParameters) -> np.ndarray:
    """Linear colour of the person's hair."""
    return np.array(HAIR_COLOURS[person.hair_colour], np.float32) * np.float32(person.hair_tint)


def skin(person: PersonParameters, pack: Pack) -> np.ndarray:
    """The body's texture: light and dark skins of that age and sex blended, set to the person's tone, hair roots
    and beard painted in."""
    sex = "male" if person.male else "female"
    band = "young" if person.years < 38 else "middleage" if person.years < 58 else "old"
    light = "diffuse" if person.male or band == "old" else "diffuse2"
    pale, deep = f"{band}_lightskinned_{sex}_{light}", f"{band}_darkskinned_{sex}_diffuse"
    detail = (1 - person.tone) * _skin_detail(pack, pale) + person.tone * _skin_detail(pack, deep)
    colour = np.exp(detail) * _tone_colour(person.tone) * np.array(person.tint, np.float32)
    roots = _scalp(pack) * (1.0 if person.hair else 0.75)
    colour += roots * (np.minimum(hair_colour(person) * 0.8 + 0.01, colour * 1.5) - colour)
    if person.beard:
        density = 0.45 if person.beard == "stubble" else 0.92
        mask = density * beard_texture(pack, person.beard)
        colour += mask * (np.minimum(hair_colour(person) * 0.8 + 0.004, colour * 1.6) - colour)
    return opaque(colour)


def tinted(picture: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """A strand texture in another linear colour: contrast and coverage stay."""
    light, coverage = to_linear(picture[..., :3]).mean(-1), picture[..., 3]
    mean = (light * coverage).sum() / max(coverage.sum(), 1e-6)
    contrast = np.clip(light / max(mean, 1e-4), 0.15, 2.2) ** 0.75
    return np.concatenate([to_srgb(np.clip(contrast[..., None] * colour, 0, 1)), coverage[..., None]], -1)


def strands(colour: np.ndarray, curly: bool) -> np.ndarray:
    """An opaque hair texture for styles whose own texture the pack lacks."""
    noise = np.random.default_rng(1).random((512, 512)).astype(np.float32)
    noise = gaussian_filter(noise, 2.2 if curly else (24, 0.8), mode="wrap")
    contrast = np.clip(1 + 0.28 * (noise - noise.mean()) / noise.std(), 0.2, 2)
    return opaque(contrast[..., None] * colour)


def cloth(person: PersonParameters, picture: np.ndarray | None) -> np.ndarray:
    """The top's texture: plain with faint unevenness, or the garment's own picture in another hue."""
    if person.top_plain or picture is None:
        noise = np.random.default_rng(person.seed).random((256, 256)).astype(np.float32)
        noise = gaussian_filter(noise, 6, mode="wrap")
        return opaque((1 + 0.05 * (noise - noise.mean()) / noise.std())[..., None] * np.array(person.top_colour))
    turned = picture.copy()
    turned[..., :3] = np.clip(picture[..., :3] @ _hue_rotation(person.top_hue).T, 0, 1)
    return turned


def beard_weights(pack: Pack, style: str) -> np.ndarray:
    """How bearded each base vertex is, [V] in [0, 1], from where it lies on the neutral head."""
    x, y, z = pack.base.vertices.T
    soft = lambda value, width: np.clip(value / width + 0.5, 0, 1)  # noqa: E731
    lips = soft(1 - np.hypot(x / 0.29, (y - 6.65) / 0.125), 0.3) * (z > 1.2)
    jaw_top = 6.58 + 0.25 * np.clip(np.abs(x) - 0.3, 0, 1) + 0.45 * np.clip(np.abs(x) - 0.5, 0, 1)
    jaw = soft(jaw_top - y, 0.1) * soft(y - 6.02 - 0.1 * np.abs(x), 0.1) * soft(z - 0.55, 0.25)
    chin = soft(6.56 - y, 0.08) * soft(0.3 - np.abs(x), 0.1) * soft(z - 1.15, 0.2) * soft(y - 6.1, 0.1)
    upper_lip = soft(6.83 - 0.12 * np.abs(x) - y, 0.06) * soft(y - 6.66, 0.05)
    upper_lip = upper_lip * soft(0.36 - np.abs(x), 0.08) * (z > 1.2)
    sides = soft(0.12 - np.abs(np.abs(x) - 0.34), 0.08) * soft(6.75 - y, 0.08) * soft(y - 6.4, 0.1) * (z > 1.1)
    chosen = {"moustache": upper_lip, "goatee": np.maximum(np.maximum(chin, upper_lip), sides),
              "full": np.maximum(np.maximum(jaw, upper_lip), sides)}  # fmt: skip
    chosen["stubble"] = chosen["full"]
    return (chosen[style] * (1 - lips) * (np.arange(len(x)) < BODY_VERTICES)).astype(np.float32)


@lru_cache(8)
def beard_texture(pack: Pack, style: str) -> np.ndarray:
    """`beard_weights` painted into the body's texture [T, T, 1], with hair-like unevenness."""
    mask = _paint(pack, beard_weights(pack, style))
    noise = gaussian_filter(np.random.default_rng(2).random(mask.shape).astype(np.float32), (2.0, 0.7), mode="wrap")
    noise = (noise - noise.mean()) / noise.std()
    return np.clip(gaussian_filter(mask, SKIN_SIZE / 500) * (1 + 0.18 * noise), 0, 1)[..., None].astype(np.float32)


@lru_cache(32)
def _skin_detail(pack: Pack, stem: str) -> np.ndarray:
    """Log of a skin texture over its own cheek colour: pattern without tone."""
    colour = to_linear(load_image(pack.texture("skins", stem), SKIN_SIZE)[..., :3])
    return np.log(colour / np.median(colour[_cheeks(pack)], 0) + 1e-3)


def _tone_colour(tone: float) -> np.ndarray:
    path = to_linear(np.array([[int(code[k : k + 2], 16) / 255 for k in (0, 2, 4)] for code in TONES], np.float32))
    at = np.linspace(0, 1, len(path))
    return np.array([np.interp(tone, at, path[:, channel]) for channel in range(3)], np.float32)


@lru_cache(2)
def _cheeks(pack: Pack) -> np.ndarray:
    x, y, z = pack.base.vertices.T
    return _paint(pack, ((y > 6.4) & (y < 7.1) & (z > 0.9) & (np.abs(x) > 0.25)).astype(np.float32)) > 0.5


@lru_cache(2)
def _scalp(pack: Pack) -> np.ndarray:
    """Where the dark skins have hair painted on the head, [T, T, 1]."""
    dark = to_linear(load_image(pack.texture("skins", "young_darkskinned_male_diffuse"), SKIN_SIZE)[..., :3]).mean(-1)
    mask = np.clip((0.012 - gaussian_filter(dark, SKIN_SIZE / 512)) / 0.006, 0, 1)
    _, y, z = pack.base.vertices.T
    head = _paint(pack, ((y > 7.3) & (z < 1.35) | (y > 6.8) & (z < 0.4)).astype(np.float32))
    return gaussian_filter(mask * head, SKIN_SIZE / 700)[..., None].astype(np.float32)


def _paint(pack: Pack, vertex_values: np.ndarray) -> np.ndarray:
    """Per-vertex values as a picture in the body's texture space, flat per quad."""
    canvas = Image.new("F", (SKIN_SIZE, SKIN_SIZE), 0.0)
    draw = ImageDraw.Draw(canvas)
    value = vertex_values[pack.base.quads].mean(1)
    corners = pack.base.uv[pack.base.quad_uv] * [1, -1] + [0, 1]
    for quad in np.flatnonzero(value):
        draw.polygon([tuple(corner) for corner in corners[quad] * SKIN_SIZE], fill=float(value[quad]))
    return np.asarray(canvas)


def _hue_rotation(angle: float) -> np.ndarray:
    """Rotation of RGB about the grey axis."""
    cosine, sine = np.cos(angle), np.sin(angle) / 3**0.5
    third = (1 - cosine) / 3
    return np.array([[cosine + third, third - sine, third + sine], [third + sine, cosine + third, third - sine],
                     [third - sine, third + sine, cosine + third]], np.float32)  # fmt: skip
