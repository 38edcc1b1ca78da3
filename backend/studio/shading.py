# SPDX-License-Identifier: GPL-3.0-or-later
"""Light on what is seen of a head, from colours, normals and places alone (deferred shading, Deering et al. 1988).

The light stands still beside the head, and even what shines is lit by the direction of the surface alone: all views of
one place see one colour, as a texture can hold it.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import Camera

DISTANCE = 4.4
"""From a camera to what it looks at, box units, as `orbit` has it."""
KEY = (0.36, 0.48, 0.80)
"""Towards the main light, from the front, above, and a little from the head's left."""
FILL = (-0.62, 0.12, 0.55)
BEHIND = (0.25, 0.35, -0.9)
CREASE = 0.6
"""How dark a sharp crease becomes."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one camera sees, before any light."""

    colour: Float[Tensor, "3 H W"]
    """sRGB albedo, not multiplied by coverage, in [0, 1]."""
    coverage: Float[Tensor, "1 H W"]
    normal: Float[Tensor, "3 H W"]
    """Unit, in the world's frame; 0 off the head."""
    place: Float[Tensor, "3 H W"]
    """Box units, in the world's frame."""
    facing: Float[Tensor, "H W"]
    """Cosine between the normal and the direction to the camera."""
    depth: Float[Tensor, "H W"]
    """Along the optical axis beyond what the camera looks at, box units; 0 off the head."""
    part: Int[Tensor, "H W"]
    """Which part is seen (`sittings.PARTS`, from 1), 0 off the head."""

    def of(self, *numbers: int) -> Float[Tensor, "H W"]:
        """1 where one of these parts is seen."""
        found = torch.zeros_like(self.facing)
        for number in numbers:
            found = found + (self.part == number)
        return found


def seen(
    rgba: Float[Tensor, "4 H W"], normal: Float[Tensor, "3 H W"], depth: Float[Tensor, "H W"],
    part: Int[Tensor, "H W"], camera: Camera, window: tuple[float, float, float] = (0.0, 0.0, 1.0),
) -> Seen:  # fmt: skip
    """A stored view or a square part of it, and where in space it lies: colours in [0, 1] times coverage, world
    normals, `depth` beyond the camera's target; left, top and side of the `window` as shares of the picture."""
    side, (left, top, width) = depth.shape[-1], window
    axes, centre = camera.cam_to_world[:3, :3], camera.cam_to_world[:3, 3]
    focal = float(camera.intrinsics[0, 0])
    step = (torch.arange(side) + 0.5) / side * width
    across, down = (left + step - 0.5) / focal, (top + step - 0.5) / focal
    rays = torch.stack([across.expand(side, side), down[:, None].expand(side, side), torch.ones(side, side)])
    shown = normal.square().sum(0) > 0.1
    along = torch.where(shown, depth + DISTANCE, 0)
    place = centre[:, None, None] + (axes @ rays.flatten(1)).reshape(3, side, side) * along
    towards = functional.normalize(centre[:, None, None] - place, dim=0)
    coverage = rgba[3:]
    colour = torch.where(coverage > 0.02, rgba[:3] / coverage.clamp(min=0.02), torch.ones(3, 1, 1)).clamp(0, 1)
    facing = (normal * towards).sum(0) * shown
    return Seen(colour, coverage, normal, place * shown, facing, depth * shown, part)


def diffuse(view: Seen, key: float = 0.62, wrap: float = 0.25) -> Float[Tensor, "H W"]:
    """Light on something dull, about 1 where it is brightest: sky, a soft main light, creases in the dark."""
    sky = 0.5 + 0.5 * view.normal[1]
    direct = ((_towards(view, KEY) + wrap) / (1 + wrap)).clamp(min=0)
    fill = _towards(view, FILL).clamp(min=0)
    behind = (_towards(view, BEHIND)).clamp(min=0)
    return (0.26 + 0.2 * sky + key * direct + 0.12 * fill + 0.3 * behind) * (1 - CREASE * creases(view)).clamp(
        0.2, 1.05
    )


def metallic(view: Seen) -> Float[Tensor, "H W"]:
    """Light on polished metal: a bright sky, a dark horizon, windows that it mirrors; from 0 to 1."""
    height = view.normal[1]
    sky = torch.sigmoid(7 * (height - 0.12))
    ground = 0.32 * torch.sigmoid(-6 * (height + 0.45))
    windows = gloss(view, KEY, 14) + 0.6 * gloss(view, FILL, 10) + 0.35 * gloss(view, (0.9, 0.3, -0.3), 8)
    windows = windows + 0.35 * gloss(view, (-0.5, 0.4, -0.75), 8)
    return (0.1 + 0.42 * sky + ground + 0.75 * windows).clamp(0, 1.2) * (1 - 0.8 * creases(view)).clamp(0.2, 1.1)


def gloss(view: Seen, towards: tuple[float, float, float], sharpness: float) -> Float[Tensor, "H W"]:
    """A highlight where the surface looks towards a light."""
    return _towards(view, towards).clamp(min=0) ** sharpness


def creases(view: Seen, radius: int | None = None) -> Float[Tensor, "H W"]:
    """From 0 on flat and convex places to 1 in sharp creases, below 0 on ridges, from how normals and depths around
    differ."""
    side = view.depth.shape[-1]
    reach = max(1, round(side / 48)) if radius is None else radius
    shown = (view.coverage[0] > 0.5) & (view.facing > 0)
    weight = shown.float()
    around = _mean(torch.stack([view.depth * weight, weight])[None], reach)[0]
    sunk = (view.depth - around[0] / around[1].clamp(min=0.1)) * weight
    return (14 * sunk * view.facing.clamp(min=0.2)).clamp(-0.4, 1)


def outlines(view: Seen, width: float = 1.0) -> Float[Tensor, "H W"]:
    """1 on lines that a pen would draw: silhouettes, depth steps and borders between parts."""
    step = torch.zeros_like(view.depth)
    for axis in (0, 1):
        depth = view.depth.diff(dim=axis).abs() > 0.055
        parts = (view.part.diff(dim=axis) != 0) & ((view.part.narrow(axis, 1, view.part.shape[axis] - 1)) != 0)
        edge = (depth | parts).float()
        pad = (0, 0, 0, 1) if axis == 0 else (0, 1, 0, 0)
        step = torch.maximum(step, functional.pad(edge, pad))
    grazing = torch.sigmoid((0.22 * width - view.facing) * 16) * (view.facing > 0)
    return torch.maximum(step, grazing).clamp(0, 1)


def linear(colour: Tensor) -> Tensor:
    """sRGB to linear light, by the power 2.2."""
    return colour.clamp(0, 1) ** 2.2


def srgb(light: Tensor) -> Tensor:
    """Linear light to sRGB, by the power 2.2."""
    return light.clamp(1e-6, 1) ** (1 / 2.2)


def _towards(view: Seen, direction: tuple[float, float, float]) -> Tensor:
    x, y, z = (value / math.hypot(*direction) for value in direction)
    return x * view.normal[0] + y * view.normal[1] + z * view.normal[2]


def _mean(image: Tensor, radius: int) -> Tensor:
    return functional.avg_pool2d(
        functional.avg_pool2d(image, (1, 2 * radius + 1), 1, (0, radius), count_include_pad=False),
        (2 * radius + 1, 1), 1, (radius, 0), count_include_pad=False,
    )  # fmt: skip
