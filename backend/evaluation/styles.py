# SPDX-License-Identifier: GPL-3.0-or-later
"""How well an adapted generator follows its sentence, and what it kept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..adaptation.adaptable import Adaptable
from ..adaptation.diversity import diversity_ratio
from ..adaptation.painted import SKIN
from ..faces.parts import part_region
from ..models.portrait_encoder import PortraitEncoder
from ..studio.looks import HUES, edit_named, look_named
from ..studio.materials import EYES, HAIR, TOP
from .looks import looks_of

FRONTAL = (-0.5, 0.0, 0.5)
"""Azimuths that people are judged from, radians."""
TRUNCATION = 0.8
"""Of people that styles are judged by, as they are made with."""
EDITED_PARTS = {"hair": HAIR, "skin": SKIN, "eyes": EYES, "clothes": TOP}
"""Keys of `studio.looks.EDITS` and the numbers of their parts."""
CHROMA = 0.05
"""Of a pixel in [0, 1], below which it has no hue worth naming."""


@torch.no_grad()
def shown(
    generator: Adaptable,
    styles: Float[Tensor, "B K W"],
    side: int,
    turns: Sequence[float] = FRONTAL,
    samples: int = 32,
) -> Float[Tensor, "N 4 S S"]:
    """Pictures over white with coverage, in [0, 1], person by person from each side."""
    found = []
    for index in range(len(styles)):
        one = styles[index : index + 1]
        planes = generator.planes(one)
        for turn in turns:
            shot = generator.shoot(planes, one, generator.camera(turn, 0.05), side, samples, None)
            found.append(torch.cat([shot.rgb, shot.alpha]).clamp(0, 1))
    return torch.stack(found)


def people(generator: Adaptable, count: int, seed: int, truncation: float) -> Float[Tensor, "B K W"]:
    """Styles of random people."""
    return generator.styles(generator.latents(count, torch.Generator().manual_seed(seed)), truncation)


@torch.no_grad()
def spread(pictures: Float[Tensor, "N 4 S S"], eye: PortraitEncoder) -> float:
    """Mean perceptual distance between pairs of pictures of one side: of the normalised maps of a portrait encoder, as
    LPIPS measures it in another network (Zhang et al. 2018). Sides are multiples of 16."""
    maps = [functional.normalize(part, dim=1) for part in eye.maps(pictures * 2 - 1)]
    first, second = torch.triu_indices(len(pictures), len(pictures), 1)
    apart = [(part[first] - part[second]).square().sum(1).mean((1, 2)) for part in maps]
    return float(torch.stack(apart).mean())


def outside_psnr(
    before: Float[Tensor, "N 3 S S"], now: Float[Tensor, "N 3 S S"], region: Float[Tensor, "N 1 S S"]
) -> float:
    """PSNR [dB] of pictures in [0, 1] over all pixels of which less than a tenth lies in the region."""
    outside = (region < 0.1).expand_as(before)
    error = (before - now)[outside].square().mean()
    return float(-10 * torch.log10(error.clamp_min(1e-10)))


def hue_moved(
    before: Float[Tensor, "N 3 S S"],
    now: Float[Tensor, "N 3 S S"],
    region: Float[Tensor, "N 1 S S"],
    target: tuple[float, float, float],
) -> tuple[float, float]:
    """How far the region's mean colour is from a target's hue, before and now, degrees; 180 where it has no hue."""
    inside = (region > 0.5).expand_as(before)
    means = [torch.stack([each[:, k][inside[:, k]].mean() for k in range(3)]) for each in (before, now)]
    wanted = hue(torch.tensor(target))
    assert wanted is not None, "a target without a hue cannot be moved to"
    return _apart(hue(means[0]), wanted), _apart(hue(means[1]), wanted)


def hue(colour: Float[Tensor, " 3"]) -> float | None:
    """Angle of a colour around the grey axis, degrees, red being 0 and green 120; None for greys."""
    r, g, b = colour.tolist()
    x, y = r - (g + b) / 2, math.sqrt(3) / 2 * (g - b)
    return None if math.hypot(x, y) < CHROMA else math.degrees(math.atan2(y, x)) % 360


def _apart(first: float | None, second: float) -> float:
    if first is None:
        return 180.0
    return abs((first - second + 180) % 360 - 180)


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleScore:
    """How a style keeps what its sentence says, over people that it was not made with."""

    pictures: int
    diversity: float
    """E[dT'/dT]: how far apart people's planes are over how far they were."""
    in_look: float | None = None
    """Share of pictures in which the judge of looks sees the look that the sentence names."""
    outside: float | None = None
    """Where the sentence recolours a part: PSNR [dB] of all but that part and its edge."""
    hue_before: float | None = None
    """How far the part's hue was from the sentence's colour, degrees; None for greys."""
    hue: float | None = None
    """And is."""


def evaluate_style(
    after: Adaptable, before: Adaptable, sentence: str, count: int = 16, seed: int = 700, side: int = 64
) -> StyleScore:
    """`count` random people from three sides each."""
    styles = people(before, count, seed, TRUNCATION)
    with torch.no_grad():
        ratio = diversity_ratio(after.planes(styles), before.planes(styles))
    now = shown(after, styles, side)
    score = StyleScore(pictures=len(now), diversity=ratio)
    if look := look_named(sentence):
        return replace(score, in_look=looks_of(now[:, :3]).count(look) / len(now))
    edit = edit_named(sentence)
    if edit is None:
        return score
    past = shown(before, styles, side)
    region = part_region(past[:, :3], EDITED_PARTS[edit[0]])
    score = replace(score, outside=outside_psnr(past[:, :3], now[:, :3], region))
    if hue(torch.tensor(HUES[edit[1]])) is None:
        return score
    first, last = hue_moved(past[:, :3], now[:, :3], region, HUES[edit[1]])
    return replace(score, hue_before=first, hue=last)
