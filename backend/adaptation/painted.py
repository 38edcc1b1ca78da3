# SPDX-License-Identifier: GPL-3.0-or-later
"""What the studio prior knows exactly: how a surface that is there looks in a named look, or with its hair, skin, eyes
or clothes in another colour.

A sentence that names one of `studio.looks` needs nobody's opinion: the generator is shown its own people as the studio
shades them, from the same places, and learns to make them so. Veins and grain belong to places in space, light to the
direction of the surface, so that all views agree.
"""

import zlib
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..faces.parts import parts_of
from ..geometry.cameras import Camera
from ..studio.looks import edit_named, edited, look_named, paint, recolour
from ..studio.shading import DISTANCE, Seen, seen

SKIN = 1
"""Number of the part (`sittings.PARTS`) that is taken where none is found."""

CLEARLY = 0.3
"""Change of a pixel, summed over its colours, above which it counts as a whole one."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one camera sees of a person, and where in space it is."""

    rgb: Float[Tensor, "3 S S"]
    """Over white, in [0, 1]."""
    alpha: Float[Tensor, "1 S S"]
    """Coverage."""
    normal: Float[Tensor, "3 S S"]
    """Unit, in the world's frame; 0 where nothing is seen."""
    depth: Float[Tensor, "S S"]
    """Along the optical axis."""
    camera: Camera

    def distance(self) -> Float[Tensor, "1 S S"]:
        """Along each ray; 0 where nothing is seen."""
        side = self.depth.shape[-1]
        directions = self.camera.rays(side, side).directions.to(self.depth)
        along = directions @ self.camera.cam_to_world[:3, 2].to(self.depth)
        return (self.depth / along.reshape(side, side))[None]


@dataclass(frozen=True, slots=True)
class Painter:
    """Shows people as a sentence wants them."""

    look: str | None
    """A name of `studio.looks.LOOKS`."""
    edit: tuple[str, str] | None = None
    """What is recoloured and how, a key and a word of `EDITS`, where there is no look."""

    @classmethod
    def of(cls, sentence: str) -> "Painter | None":
        """None where the sentence names neither a look nor something in another colour."""
        if look := look_named(sentence):
            return cls(look)
        edit = edit_named(sentence)
        return cls(None, edit) if edit else None

    @property
    def told(self) -> str:
        """For recipes: "marble", "green hair"."""
        return self.look or " ".join(reversed(self.edit or ()))

    @torch.no_grad()
    def __call__(self, sight: Sight) -> Float[Tensor, "3 S S"]:
        """The same over white in [0, 1]; without a look, all but the part that is recoloured as it is."""
        view = _seen(sight)
        if self.look is not None:
            return paint(view, self.look, zlib.crc32(self.look.encode()) & 0xFFFF).to(sight.rgb)
        assert self.edit is not None
        if not edited(view, self.edit[0]).any():
            return sight.rgb
        return recolour(view, *self.edit).to(sight.rgb)


def painted_error(now: Float[Tensor, "3 S S"], wanted: Float[Tensor, "3 S S"], sight: Sight) -> Float[Tensor, ""]:
    """Mean absolute error: over what the sentence changes, over the rest of the head, and over the whole picture, which
    count 3 to 5 to 2. Hair is few pixels, and the head's rest is what it must not spill over."""
    off = (now - wanted).abs().mean(0)
    change = ((wanted - sight.rgb).abs().sum(0) / CLEARLY).clamp(max=1)
    rest = sight.alpha[0] * (1 - change)
    least = 1e-2 * off.numel()
    parts = [(off * weight).sum() / weight.sum().clamp(min=least) for weight in (change, rest)]
    return 0.3 * parts[0] + 0.5 * parts[1] + 0.2 * off.mean()


def _seen(sight: Sight) -> Seen:
    alpha, rgb = sight.alpha.cpu().clamp(0, 1), sight.rgb.cpu().clamp(0, 1)
    rgba = torch.cat([(rgb - (1 - alpha)).clamp(0, 1), alpha])
    part = parts_of(rgb[None])[0]
    part = torch.where(alpha[0] > 0.5, torch.where(part > 0, part, SKIN), 0)
    return seen(rgba, sight.normal.cpu(), sight.depth.cpu() - DISTANCE, part, sight.camera)
