# SPDX-License-Identifier: GPL-3.0-or-later
"""A view of a head as the studio would shade it in the look that a sentence names: a first guess whose veins, grain and
light agree between views, because they belong to places in space."""

import zlib

import numpy as np
import torch
from jaxtyping import Float

from ..geometry.cameras import orbit
from ..studio.looks import look_named, paint
from ..studio.shading import DISTANCE, Seen, seen
from .prior import View
from .turning import to_world


def shaded(view: View, sentence: str) -> Float[np.ndarray, "S S 3"] | None:
    """The view in the sentence's look, sRGB in [0, 1] over white; None where the sentence names none.

    One sentence always gives the same veins, whatever the view.
    """
    look = look_named(sentence)
    if look is None or not view.shown.any():
        return None
    picture = paint(as_seen(view), look, zlib.crc32(look.encode()) & 0xFFFF)
    return picture.permute(1, 2, 0).numpy().copy()


def can_shade(sentence: str) -> bool:
    """Whether the sentence names a look that views are shaded in."""
    return look_named(sentence) is not None


def as_seen(view: View) -> Seen:
    """A refiner's view as looks are painted from. All of it counts as skin: which part is hair, a mesh does not say."""
    shown = torch.from_numpy(view.shown)
    rgba = torch.cat([torch.from_numpy(view.image).permute(2, 0, 1).float() / 255 * shown, shown[None].float()])
    normal = to_world(
        torch.from_numpy(view.normal * view.shown[..., None]).permute(2, 0, 1)[None].float(),
        view.azimuth, view.elevation,
    )[0]  # fmt: skip
    depth = torch.from_numpy(np.where(view.shown, view.depth, DISTANCE).astype(np.float32)) - DISTANCE
    return seen(rgba, normal, depth, shown.long(), orbit(view.azimuth, view.elevation))
