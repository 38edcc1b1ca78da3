# SPDX-License-Identifier: GPL-3.0-or-later
"""Sharp views made to look like those of generated heads: blurred, smeared, patchy, out of place, with seams and holes.

How bad it may be is told to the network as the doubt of the picture, so that a user's strength has a meaning.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

COARSEST = 28.0
"""Side of the coarsest pixels that doubt 1 may mean, pixels."""
SHARP = 0.08
"""Share of pictures that are left as sharp as they were, whatever their doubt: a network must know when to stop."""
WHOLE = 0.04
"""Share of views of which nothing is known."""
MILD = 1.4
"""Power of doubt's random share: little doubt is more common than much."""
NO_DEPTH = 0.3


@dataclass(frozen=True, slots=True)
class HeadViews:
    """True views."""

    picture: Float[Tensor, "B 3 H W"]
    """sRGB over white, in [0, 1]."""
    shown: Float[Tensor, "B 1 H W"]
    """Coverage by the head."""
    normal: Float[Tensor, "B 3 H W"]
    """Unit, in any frame; 0 off the head."""
    depth: Float[Tensor, "B 1 H W"]
    """Along the optical axis, box units; 0 off the head."""


@dataclass(frozen=True, slots=True)
class WornViews:
    """What a refiner would know of them."""

    picture: Float[Tensor, "B 3 H W"]
    """In [-1, 1], 0 where `generate` is 1."""
    normal: Float[Tensor, "B 3 H W"]
    depth: Float[Tensor, "B 1 H W"]
    """0 where it is not told."""
    shown: Float[Tensor, "B 1 H W"]
    """0 or 1."""
    generate: Float[Tensor, "B 1 H W"]
    keep: Float[Tensor, "B 1 H W"]
    doubt: Float[Tensor, " B"]
    """How bad the picture may be, in [0, 1]."""


def wear(
    truth: HeadViews,
    random: torch.Generator,
    doubt: Float[Tensor, " B"] | None = None,
    holes: bool = True,
    sharp: float | None = None,
) -> WornViews:
    """What a refiner would know of true views: a worn picture, the shape without its finest detail, masks.

    The doubt is random unless given; without `holes` all of the head is there and may change. A share `sharp` of the
    pictures, `SHARP` unless given, is left as it was.
    """
    count = len(truth.picture)
    if doubt is None:
        doubt = torch.rand(count, generator=random) ** MILD
    generate = keep = torch.zeros_like(truth.shown)
    if holes:
        generate = torch.cat([_hole(truth, row, random, often=0.3) for row in range(count)])
        generate[torch.rand(count, generator=random) < WHOLE] = 1.0
        generate = generate * truth.shown
        keep = torch.cat([_hole(truth, row, random, often=0.25) for row in range(count)]) * (1 - generate) * truth.shown
    rows = [
        truth.picture[k : k + 1]
        if _chance(random) < (SHARP if sharp is None else sharp)
        else _worn(truth.picture[k : k + 1], truth.shown[k : k + 1], float(doubt[k]), random)
        for k in range(count)
    ]
    picture = torch.lerp(torch.cat(rows), truth.picture, keep)
    shown = (truth.shown > 0.5).float()
    normal, depth = _worn_shape(truth, shown, doubt, random)
    told = (torch.rand(count, generator=random) >= NO_DEPTH).float()
    depth = depth * told[:, None, None, None]
    return WornViews((2 * picture - 1) * (1 - generate), normal, depth, shown, generate, keep, doubt)


def _worn(picture: Tensor, shown: Tensor, doubt: float, random: torch.Generator) -> Tensor:
    severity = doubt * _uniform(0.4, 1, random)
    height, width = picture.shape[-2:]
    solid = torch.cat([picture * shown, shown], 1)
    solid = _shifted(solid, 0.05 * severity, random)
    size = 1 + COARSEST * severity * _uniform(0.2, 1, random)
    streak = math.exp(_uniform(-1, 1, random) * (1.0 if _chance(random) < 0.2 else 0.3))
    rows, columns = (max(4, round(side / max(1.0, size * share))) for side, share in
                     ((height, streak), (width, 1 / streak)))  # fmt: skip
    coarse = functional.interpolate(solid, (rows, columns), mode="area")
    mode = "bicubic" if _chance(random) < 0.5 else "bilinear"
    solid = functional.interpolate(coarse, (height, width), mode=mode, align_corners=False)
    # What moved off the head leaves places without a colour: there the wider surroundings hold.
    wide = functional.interpolate(_blurred(coarse, 2), (height, width), mode="bilinear", align_corners=False)
    solid = solid + 0.05 * wide
    colour = solid[:, :3] / solid[:, 3:].clamp(min=1e-3)
    mean = (colour * shown).sum((2, 3), keepdim=True) / shown.sum((2, 3), keepdim=True).clamp(min=1)
    colour = mean + (colour - mean) * (1 - 0.4 * severity * _chance(random))
    for grid, coloured, grey in ((2 + 4 * _chance(random), 0.08, 0.06), (12 + 12 * _chance(random), 0.03, 0.03)):
        colour = colour + severity * _patches(round(grid), height, width, coloured, grey, random)
    if _chance(random) < 0.3:
        colour = colour + 0.04 * severity * _weave(height, width, random)
    if _chance(random) < 0.5:
        colour = colour + 0.12 * severity * torch.randn(1, 3, 1, 1, generator=random)
    if _chance(random) < 0.3:
        side = _beyond(height, width, random)
        colour = colour + 0.12 * severity * torch.randn(1, 3, 1, 1, generator=random) * (side > 0)
    if _chance(random) < 0.3:
        colour = colour + 0.025 * torch.randn(picture.shape, generator=random)
    return torch.lerp(torch.ones_like(picture), colour.clamp(0, 1), shown)


def _shifted(image: Tensor, deviation: float, random: torch.Generator) -> Tensor:
    """Drawn a little elsewhere than the shape has it, by a smooth field."""
    height, width = image.shape[-2:]
    shift = _field(2, int(4 + 8 * _chance(random)), height, width, random) * deviation
    lines = [(torch.arange(side) + 0.5) / side * 2 - 1 for side in (width, height)]
    place = torch.stack(torch.meshgrid(lines[0], lines[1], indexing="xy"), -1)[None]
    return functional.grid_sample(image, place + shift.permute(0, 2, 3, 1), align_corners=False, padding_mode="border")


def _patches(grid: int, height: int, width: int, coloured: float, grey: float, random: torch.Generator) -> Tensor:
    values = _field(4, grid, height, width, random)
    return coloured * values[:, :3] + grey * values[:, 3:]


def _field(channels: int, grid: int, height: int, width: int, random: torch.Generator) -> Tensor:
    """Smooth random numbers of about unit deviation: bicubic where it is cheap, bilinear from there."""
    values = torch.randn(1, channels, grid, grid, generator=random)
    smooth = functional.interpolate(values, (4 * grid, 4 * grid), mode="bicubic", align_corners=False)
    return functional.interpolate(smooth, (height, width), mode="bilinear", align_corners=False)


def _weave(height: int, width: int, random: torch.Generator) -> Tensor:
    """Upright and level lines, as planes of features leave them on a surface, [1, 1, H, W]."""
    waves = [torch.sin(torch.arange(side) * 2 * math.pi / _uniform(5, 16, random)) for side in (height, width)]
    return (waves[0][:, None] + waves[1])[None, None]


def _beyond(height: int, width: int, random: torch.Generator) -> Tensor:
    """Signed distance from a random line near the middle, in half sides, [1, 1, H, W]."""
    angle, offset = _uniform(0, 2 * math.pi, random), _uniform(-0.4, 0.4, random)
    y, x = ((torch.arange(side) + 0.5) / side * 2 - 1 for side in (height, width))
    return (math.cos(angle) * x + math.sin(angle) * y[:, None] - offset)[None, None]


def _hole(truth: HeadViews, row: int, random: torch.Generator, often: float) -> Tensor:
    """A soft mask [1, 1, H, W] as views of a partly painted head have them: what faces away, what lies beyond a line,
    or patches; empty unless `often`."""
    height, width = truth.shown.shape[-2:]
    kind = _chance(random) / often
    if kind >= 1:
        return torch.zeros(1, 1, height, width)
    if kind < 0.4:
        inside = _uniform(0.1, 0.7, random) - truth.normal[row : row + 1, 2:]
    elif kind < 0.7:
        inside = _beyond(height, width, random)
    else:
        grid = int(3 + 5 * _chance(random))
        inside = _field(1, grid, height, width, random) - _uniform(0, 0.8, random)
    return _blurred((inside > 0).float(), int(8 * _chance(random)))


def _worn_shape(truth: HeadViews, shown: Tensor, doubt: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Normals and depth as a generated surface has them: no single locks of hair, and bumps where there are none."""
    both = torch.cat([truth.normal * shown, truth.depth * shown, shown], 1)
    radius = int(6 * _chance(random) ** 2)
    both = _blurred(_blurred(both, radius), radius)
    depth = both[:, 3:4] / both[:, 4:].clamp(min=1e-3)
    height, width = shown.shape[-2:]
    grids = [int(8 + 40 * _chance(random)) for _ in doubt]
    bumps = torch.cat([_field(3, grid, height, width, random) for grid in grids])
    strength = 0.3 * doubt * torch.rand(len(doubt), generator=random)
    normal = both[:, :3] / both[:, 4:].clamp(min=1e-3) + strength[:, None, None, None] * bumps
    length = normal.square().sum(1, keepdim=True).clamp(min=1e-8).sqrt()
    return normal / length * shown, depth * shown


def _blurred(image: Tensor, radius: int) -> Tensor:
    """Mean over a square of 2 radius + 1 pixels a side."""
    if not radius:
        return image
    across = functional.avg_pool2d(image, (1, 2 * radius + 1), 1, (0, radius), count_include_pad=False)
    return functional.avg_pool2d(across, (2 * radius + 1, 1), 1, (radius, 0), count_include_pad=False)


def _chance(random: torch.Generator) -> float:
    return float(torch.rand(1, generator=random))


def _uniform(low: float, high: float, random: torch.Generator) -> float:
    return low + (high - low) * _chance(random)
