# SPDX-License-Identifier: GPL-3.0-or-later
"""What a head would look like in other materials and manners: each a function of what is seen and a seed, with sRGB
colours as its answer.

Materials of one colour replace all colours but hint at eyes, lips and brows through the darkness that the photograph
has there; manners keep the person's colours and draw them otherwise; creatures change some.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from .shading import Seen, creases, diffuse, gloss, linear, metallic, outlines, srgb
from .solid import fractal, noise, veins

Material = Callable[[Seen, int], Float[Tensor, "3 H W"]]
EYES, BROWS, HAIR, TOP, HAT, GLASSES = 2, 5, 7, 8, 9, 10
"""Numbers of parts (`sittings.PARTS`)."""


def photograph(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """The person as he or she is, without light: what generators make."""
    return view.colour


def marble(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """White stone with grey veins."""
    vein = veins(view.place, 1.6, 9, seed) * (0.55 + 0.25 * noise(view.place, 1.2, seed + 1)).clamp(0, 0.8)
    base = _mix(_colour(0.96, 0.95, 0.93), _colour(0.55, 0.56, 0.6), vein)
    return _carved(view, base, shine=0.12, sharpness=24)


def black_marble(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Black stone with white veins."""
    vein = veins(view.place, 1.5, 16, seed) * 0.9
    base = _mix(_colour(0.13, 0.13, 0.15), _colour(0.85, 0.83, 0.78), vein)
    return _carved(view, base, shine=0.35, sharpness=30)


def bronze(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Brown metal, green in its creases."""
    light = 0.04 + 0.8 * metallic(view) * _hint(view, 0.35)
    metal = _ramp(light, ((0.09, 0.06, 0.04), (0.36, 0.23, 0.12), (0.66, 0.46, 0.25), (0.97, 0.85, 0.62)))
    old = (2.2 * creases(view) + 0.55 * fractal(view.place, 2.5, 3, seed) - 0.45).clamp(0, 0.85)
    return _mix(metal, _colour(0.36, 0.56, 0.47) * (0.5 + 0.6 * light), old)


def gold(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Polished yellow metal."""
    light = metallic(view) * _hint(view, 0.25)
    return _ramp(light, ((0.30, 0.16, 0.02), (0.78, 0.52, 0.08), (0.98, 0.80, 0.26), (1.0, 0.97, 0.72)))


def silver(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Polished grey metal."""
    light = metallic(view) * _hint(view, 0.25)
    return _ramp(light, ((0.12, 0.13, 0.15), (0.5, 0.52, 0.55), (0.82, 0.84, 0.87), (1.0, 1.0, 1.0)))


def copper(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Polished red metal."""
    light = metallic(view) * _hint(view, 0.25)
    return _ramp(light, ((0.25, 0.07, 0.03), (0.72, 0.33, 0.18), (0.95, 0.58, 0.40), (1.0, 0.88, 0.76)))


def clay(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Wet grey-brown clay with the marks of fingers."""
    marks = 0.05 * fractal(view.place, 9, 2, seed)
    return _carved(view, _colour(0.62, 0.55, 0.49) * (1 + marks), shine=0.03, sharpness=8)


def terracotta(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Fired orange clay."""
    grain = 0.05 * fractal(view.place, 14, 2, seed) + 0.05 * noise(view.place, 2, seed + 3)
    return _carved(view, _colour(0.80, 0.43, 0.27) * (1 + grain), shine=0.0, sharpness=8)


def wood(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Carved from one trunk: rings around an axis that leans."""
    x, y, z = view.place
    lean = 0.25 * noise(view.place * 0.6, 1, seed)
    radius = ((x + 0.3 + 0.12 * y + 0.15 * lean).square() + (z + 0.5 + 0.1 * lean).square()).sqrt()
    rings = (0.5 + 0.5 * torch.sin(46 * radius + 2.5 * lean)) ** 1.6
    fibre = noise(torch.stack([x * 14, y * 1.2, z * 14]), 1, seed + 2)
    base = _mix(_colour(0.74, 0.51, 0.30), _colour(0.42, 0.24, 0.12), (0.75 * rings + 0.12 * fibre).clamp(0, 1))
    return _carved(view, base, shine=0.08, sharpness=12)


def stone(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Grey granite, speckled and rough."""
    speckles = 0.12 * noise(view.place, 20, seed) + 0.09 * noise(view.place, 10, seed + 1)
    weathered = 0.12 * fractal(view.place, 2, 3, seed + 2)
    return _carved(view, _colour(0.54, 0.54, 0.52) * (1 + speckles + weathered), shine=0.0, sharpness=8, deep=1.5)


def sandstone(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Yellow stone in layers."""
    layers = 0.5 + 0.5 * torch.sin(26 * view.place[1] + 3 * fractal(view.place, 1.5, 2, seed))
    base = _mix(_colour(0.87, 0.74, 0.53), _colour(0.72, 0.53, 0.35), layers * 0.7)
    return _carved(view, base * (1 + 0.05 * noise(view.place, 18, seed + 1)), shine=0.0, sharpness=8)


def jade(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Green stone, cloudy and polished."""
    clouds = (0.5 + 0.35 * fractal(view.place, 2.2, 3, seed)).clamp(0, 1)
    base = _mix(_colour(0.12, 0.42, 0.27), _colour(0.50, 0.76, 0.57), clouds)
    return _carved(view, base, shine=0.5, sharpness=28, soft=0.5)


def porcelain(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """White and glossy, eyes, lips and hair painted on."""
    paint = linear(view.colour)
    grey = paint.mean(0)
    vivid = ((paint - grey).abs().amax(0) * 2.5).clamp(0, 1) * (view.of(1) > 0)
    white = _colour(0.97, 0.97, 0.98)
    blush = _mix(white, _colour(0.95, 0.75, 0.74), 0.35 * vivid)
    blue = view.of(HAIR, TOP, HAT) * (0.45 + 0.4 * fractal(view.place, 3.5, 2, seed)).clamp(0.12, 0.85)
    base = _mix(blush, _colour(0.22, 0.36, 0.68), blue)
    base = _mix(base, view.colour * 0.8, view.of(EYES, BROWS, 6))
    return _carved(view, base, shine=0.85, sharpness=40, hint=0.0)


def wax(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Pale yellow, soft, light gets into it."""
    rim = (1 - view.facing.clamp(0, 1)) ** 2
    base = _mix(_colour(0.95, 0.87, 0.66), _colour(0.98, 0.70, 0.42), (0.5 * rim + 0.8 * creases(view)).clamp(0, 1))
    return _carved(view, base, shine=0.28, sharpness=14, soft=0.7)


def chocolate(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Dark brown and smooth."""
    return _carved(view, _colour(0.36, 0.19, 0.11), shine=0.42, sharpness=18, soft=0.3)


def ice(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Clear and cold, bright where one looks along it, with cracks."""
    rim = (1 - view.facing.clamp(0, 1)) ** 1.5
    cracks = veins(view.place, 2.2, 22, seed)
    base = _mix(_colour(0.50, 0.75, 0.90), _colour(0.93, 0.98, 1.0), (0.8 * rim + 0.7 * cracks).clamp(0, 1))
    return _carved(view, base, shine=0.9, sharpness=30, soft=0.6)


def lava(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Black rock that glows in its cracks."""
    rock = _carved(
        view, _colour(0.20, 0.17, 0.17) * (1 + 0.2 * noise(view.place, 12, seed + 1)), shine=0.0, sharpness=8
    )
    heat = veins(view.place, 2.6, 7, seed)
    glow = _ramp(heat, ((0.2, 0.02, 0.0), (0.9, 0.22, 0.02), (1.0, 0.62, 0.08), (1.0, 0.95, 0.55)))
    return _mix(rock, glow, ((heat - 0.3) * 2.2).clamp(0, 1))


def zombie(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Grey-green rotting skin with sores, sunken white eyes, filthy clothes."""
    grey = view.colour.mean(0)
    decay = (0.5 + 0.4 * fractal(view.place, 3, 3, seed)).clamp(0, 1)
    skin = _mix(_colour(0.52, 0.60, 0.42), _colour(0.35, 0.41, 0.31), decay) * (0.7 + 0.6 * grey)
    sores = ((fractal(view.place, 4.5, 2, seed + 4) - 1.0) * 4).clamp(0, 0.9)
    skin = _mix(skin, _colour(0.36, 0.08, 0.07), sores)
    rest = _mix(view.colour * 0.7, _colour(0.34, 0.31, 0.24), 0.35 + 0.4 * decay)
    colour = _mix(rest, skin, view.of(1, 3, 4))
    colour = _mix(colour, _colour(0.90, 0.90, 0.78), view.of(EYES))
    return colour * (0.35 + 0.75 * diffuse(view)) * (1 - 0.55 * creases(view)).clamp(0.2, 1.1)


def alien(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Smooth green skin all over, black shining eyes, violet where it is not skin."""
    tone = (0.5 + 0.3 * noise(view.place, 3, seed)).clamp(0, 1)
    skin = _mix(_colour(0.42, 0.78, 0.38), _colour(0.24, 0.60, 0.42), tone)
    spots = ((noise(view.place, 7, seed + 2) - 0.9) * 3).clamp(0, 0.6)
    skin = _mix(skin, _colour(0.10, 0.35, 0.30), spots)
    other = _mix(_colour(0.36, 0.22, 0.56), _colour(0.20, 0.14, 0.36), tone)
    colour = _mix(skin, other, view.of(HAIR, TOP, HAT, BROWS))
    colour = _mix(colour, _colour(0.03, 0.03, 0.06), view.of(EYES))
    return _carved(view, colour, shine=0.35, sharpness=16, soft=0.3, hint=0.12)


def robot(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Blue-grey plates with joints and rivets, and eyes that glow."""
    x, y, z = view.place
    joints = torch.stack([_line(y * 3.1 + 0.2), _line(x * 2.4), _line(z * 2.4 + 0.3)]).amax(0)
    light = 0.12 + 0.7 * metallic(view)
    metal = _ramp(light, ((0.10, 0.13, 0.18), (0.38, 0.46, 0.55), (0.72, 0.80, 0.88), (1.0, 1.0, 1.0)))
    metal = _mix(metal, _colour(0.05, 0.06, 0.08), 0.85 * joints)
    trim = view.of(HAIR, HAT, TOP)
    metal = _mix(metal, metal * _colour(0.95, 0.50, 0.30), 0.75 * trim)
    return _mix(metal, _colour(0.25, 0.95, 1.0), view.of(EYES))


def toon(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Flat colours in three steps of light, and black outlines."""
    light = diffuse(view, key=0.8, wrap=0.1)
    steps = 0.62 + 0.22 * torch.sigmoid((light - 0.5) * 30) + 0.2 * torch.sigmoid((light - 0.95) * 30)
    around = max(1, view.depth.shape[-1] // 40)
    flat = functional.avg_pool2d(view.colour[None], 2 * around + 1, 1, around, count_include_pad=False)[0]
    skin, features = view.of(1), view.of(EYES, BROWS, GLASSES)
    colour = _mix(view.colour, flat, 1 - 0.9 * features)
    grey = colour.mean(0)
    vivid = (grey + (1.35 + 0.15 * skin) * (colour - grey)).clamp(0, 1)
    vivid = _mix(vivid, vivid * 0.9 + 0.1, 1 - features)
    return (vivid * steps).clamp(0, 1) * (1 - 0.92 * outlines(view))


def pencil(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """Grey strokes on white paper."""
    dark = 1 - (srgb(linear(view.colour).mean(0)) * (0.35 + 0.6 * diffuse(view))).clamp(0, 1)
    x, y, z = view.place
    stroke = 0.5 + 0.5 * torch.sin(95 * (x * 0.8 + y * 0.6 + 0.15 * z) + 1.2 * noise(view.place, 4, seed))
    cross = 0.5 + 0.5 * torch.sin(95 * (x * 0.8 - y * 0.6 + 0.15 * z) + 1.2 * noise(view.place, 4, seed + 1))
    ink = 0.35 * dark + 0.6 * dark * stroke + 0.5 * (dark - 0.55).clamp(min=0) * cross
    ink = torch.maximum(ink * (0.85 + 0.1 * noise(view.place, 20, seed + 2)), 0.85 * outlines(view))
    paper = _colour(0.98, 0.975, 0.96)
    return _mix(paper, _colour(0.16, 0.16, 0.18), ink.clamp(0, 0.95))


def plastic(view: Seen, seed: int) -> Float[Tensor, "3 H W"]:
    """A toy of red plastic."""
    return _carved(view, _colour(0.86, 0.12, 0.12), shine=0.8, sharpness=36, soft=0.2)


def _carved(
    view: Seen,
    base: Tensor,
    shine: float,
    sharpness: float,
    soft: float = 0.0,
    deep: float = 1.0,
    hint: float = 0.3,
) -> Tensor:
    """A material of its own colour under the light; `soft` lets light into it."""
    light = diffuse(view, wrap=0.25 + 0.6 * soft)
    if deep != 1.0:
        light = light * (1 - 0.4 * (deep - 1) * creases(view)).clamp(0.3, 1.1)
    light = soft * 0.75 + (1 - 0.75 * soft) * light
    shown = linear(base) * (light * _hint(view, hint)) ** 1.4
    bright = shine * (gloss(view, (0.36, 0.48, 0.8), sharpness) + 0.4 * gloss(view, (-0.62, 0.3, 0.6), sharpness))
    bright = bright + 0.3 * shine * gloss(view, (0.0, 0.45, -0.9), sharpness)
    return srgb(shown + 0.7 * bright)


def _hint(view: Seen, strength: float) -> Tensor:
    """Below 1 where the photograph is dark against its own part: pupils, brows, nostrils, strands of hair."""
    if not strength:
        return torch.ones_like(view.facing)
    grey = view.colour.mean(0)
    own = torch.full_like(grey, 0.6)
    for parts in ((1, 3, 4), (EYES,), (HAIR,), (TOP,), (HAT,)):
        mask = view.of(*parts)
        own = own + mask * (_typical(grey, mask) - own)
    relative = (grey / own.clamp(min=0.12)).clamp(0.2, 1.4)
    dark = view.of(BROWS, GLASSES)
    return (1 - strength + strength * relative) * (1 - 0.5 * strength * dark)


def _typical(grey: Tensor, mask: Tensor) -> Tensor:
    return (grey * mask).sum() / mask.sum().clamp(min=1)


def _line(value: Tensor) -> Tensor:
    """1 on thin lines at whole numbers."""
    return torch.exp(-60 * (value - value.round()).abs())


def _colour(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue])[:, None, None]


def _mix(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    return first + share * (second - first)


def _ramp(light: Tensor, colours: tuple[tuple[float, float, float], ...]) -> Tensor:
    """Colours along a row of four, evenly spaced from 0 to 1."""
    place = light.clamp(0, 1) * (len(colours) - 1)
    table = torch.tensor(colours)
    left = place.floor().long().clamp(max=len(colours) - 2)
    share = (place - left)[..., None]
    return (table[left] * (1 - share) + table[left + 1] * share).permute(2, 0, 1)
