# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of a person from all around with all that a shader needs: colours, normals, depth, and which part is seen.

Small ones show the bust as a field's training views do, large ones the head as a camera near an avatar sees it.
"""

import math

import numpy as np

from ..geometry.cameras import Camera, orbit
from .people import Person
from .shading import DISTANCE
from .views import BOX, Scene, View, render_view

BUSTS, BUST_SIZE = 8, 128
"""Small views per person, and their side in pixels."""
HEADS, HEAD_SIZE = 3, 256
"""Large ones."""
SITTING_SHARD = 16
"""People per file: each has 3.3 MB."""
PARTS = ("body", "eyes", "teeth", "tongue", "brows", "lashes", "hair", "top", "hat", "glasses")
"""What a number in `*_part` means, from 1; 0 is the background."""
BUST_OPENING, BUST_HEIGHT = 0.4538, -0.05
"""`orbit`'s own field of view, radians, and height: at its distance it shows the field's box."""


def sitting_sample(person: Person, bust_size: int = BUST_SIZE, head_size: int = HEAD_SIZE) -> dict[str, np.ndarray]:
    """Views of one person, by name, `bust_*` [V, S, S, ...] and `head_*` alike:

    rgba u8, albedo times coverage with coverage; normal i8, in the world's frame, 0 off the head; depth f16, along the
    optical axis beyond what the camera looks at, box units, 0 off the head; part u8, see `PARTS`; camera [V, 4] f32,
    azimuth, elevation, field of view (radians) and the height of what it looks at (box units). Busts are cut to a
    field's box.
    """
    random = np.random.default_rng([person.parameters.seed, 5])
    boxed, whole = Scene(person.parts, limit=BOX), Scene(person.parts)
    busts = [(*_around(random), BUST_OPENING, BUST_HEIGHT) for _ in range(BUSTS)]
    heads = [(*_around(random), *_closeness(random)) for _ in range(HEADS)]
    return _arrays("bust", boxed, busts, bust_size) | _arrays("head", whole, heads, head_size)


def sitting_camera(azimuth: float, elevation: float, opening: float, height: float) -> Camera:
    """The camera of a row of `*_camera`."""
    return orbit(azimuth, elevation, DISTANCE, opening, (0.0, height, 0.0))


def _around(random: np.random.Generator) -> tuple[float, float]:
    """Azimuth and elevation: half of all views see the face."""
    azimuth = random.normal(0, 0.45) if random.uniform() < 0.5 else random.uniform(-math.pi, math.pi)
    return float(azimuth), float(np.clip(random.normal(0.06, 0.2), -0.4, 0.7))


def _closeness(random: np.random.Generator) -> tuple[float, float]:
    opening = float(random.uniform(0.26, 0.46))
    return opening, -0.05 + 0.3 * (0.46 - opening) / 0.16


def cosines(camera: Camera, side: int) -> np.ndarray:
    """Of the angle between each pixel's ray and the optical axis, [S, S]."""
    axis = camera.cam_to_world[:3, 2]
    return (camera.rays(side, side).directions @ axis).numpy().reshape(side, side)


def one_view(person: Person, camera: tuple[float, float, float, float], side: int) -> dict[str, np.ndarray]:
    """rgba, normal, depth and part of one view, as `sitting_sample` has them."""
    return _view(Scene(person.parts), camera, side)


def _arrays(prefix: str, scene: Scene, cameras: list, side: int) -> dict[str, np.ndarray]:
    views = [_view(scene, camera, side) for camera in cameras]
    stacked = {f"{prefix}_{name}": np.stack([view[name] for view in views]) for name in views[0]}
    return stacked | {f"{prefix}_camera": np.array(cameras, np.float32)}


def _view(scene: Scene, values: tuple[float, float, float, float], side: int) -> dict[str, np.ndarray]:
    numbers = np.array([0, *(1 + PARTS.index(part.name) for part in scene.parts)], np.uint8)
    camera = sitting_camera(*values)
    view = render_view(scene, camera, side, samples=2)
    return {
        "rgba": _bytes(np.concatenate([view.rgb, view.alpha[..., None]], -1)),
        "normal": (view.normal * 127).round().astype(np.int8), "depth": _depth(view, camera, side),
        "part": numbers[view.part.astype(np.int64) + 1],
    }  # fmt: skip


def _depth(view: View, camera: Camera, side: int) -> np.ndarray:
    seen = np.isfinite(view.depth)
    return np.where(seen, np.where(seen, view.depth, 0) * cosines(camera, side) - DISTANCE, 0).astype(np.float16)


def _bytes(picture: np.ndarray) -> np.ndarray:
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
