# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks that a head can be given, each with the words people use for it, and edits that change one thing alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..models.look_text import words_of
from . import materials
from .materials import EYES, HAIR, TOP, Material
from .shading import Seen


@dataclass(frozen=True, slots=True)
class Look:
    """One look."""

    name: str
    kind: str
    """material, creature or manner: how sentences put its words."""
    words: tuple[str, ...]
    """The plainest first: what a thing is made of, what it is, or how it is drawn."""
    paint: Material


LOOKS: tuple[Look, ...] = (
    Look("photograph", "photograph", ("photograph", "photo", "portrait"), materials.photograph),
    Look("marble", "material", ("marble", "white marble", "carrara marble"), materials.marble),
    Look("black marble", "material", ("black marble", "dark marble"), materials.black_marble),
    Look("bronze", "material", ("bronze", "old bronze", "patinated bronze"), materials.bronze),
    Look("gold", "material", ("gold", "golden metal", "pure gold", "polished gold"), materials.gold),
    Look("silver", "material", ("silver metal", "chrome", "polished silver", "steel", "silver"), materials.silver),
    Look("copper", "material", ("copper metal", "polished copper", "copper"), materials.copper),
    Look("clay", "material", ("clay", "grey clay", "plasticine"), materials.clay),
    Look("terracotta", "material", ("terracotta", "fired clay", "red clay"), materials.terracotta),
    Look("wood", "material", ("wood", "carved wood", "oak", "wooden planks"), materials.wood),
    Look("stone", "material", ("stone", "granite", "rock", "grey stone"), materials.stone),
    Look("sandstone", "material", ("sandstone", "yellow sandstone", "sand"), materials.sandstone),
    Look("jade", "material", ("jade", "green jade", "emerald"), materials.jade),
    Look("porcelain", "material", ("porcelain", "blue and white porcelain", "ceramic", "china"), materials.porcelain),
    Look("wax", "material", ("wax", "candle wax", "beeswax"), materials.wax),
    Look("chocolate", "material", ("chocolate", "dark chocolate", "milk chocolate"), materials.chocolate),
    Look("ice", "material", ("ice", "frozen ice", "blue ice", "glass"), materials.ice),
    Look("lava", "material", ("lava", "glowing lava", "molten rock", "magma"), materials.lava),
    Look("plastic", "material", ("plastic", "red plastic", "shiny plastic"), materials.plastic),
    Look("zombie", "creature", ("zombie", "undead", "walking corpse", "rotting zombie"), materials.zombie),
    Look("alien", "creature", ("alien", "green alien", "extraterrestrial", "martian"), materials.alien),
    Look("robot", "creature", ("robot", "android", "cyborg", "metal robot"), materials.robot),
    Look("toon", "manner", ("cartoon", "toon", "comic", "anime", "cel shaded"), materials.toon),
    Look("pencil", "manner", ("pencil", "graphite", "pencil sketch", "charcoal"), materials.pencil),
)  # fmt: skip
BY_NAME: Mapping[str, Look] = {look.name: look for look in LOOKS}

HUES: Mapping[str, tuple[float, float, float]] = {
    "green": (0.20, 0.62, 0.22), "blue": (0.14, 0.32, 0.80), "pink": (0.94, 0.42, 0.66), "purple": (0.50, 0.20, 0.68),
    "red": (0.80, 0.12, 0.10), "orange": (0.93, 0.50, 0.10), "turquoise": (0.14, 0.72, 0.70),
    "yellow": (0.93, 0.83, 0.20), "white": (0.93, 0.93, 0.93), "black": (0.10, 0.09, 0.09), "grey": (0.56, 0.56, 0.57),
    "blond": (0.82, 0.66, 0.38), "brown": (0.34, 0.20, 0.11),
}  # fmt: skip
"""Colours that a word stands for, sRGB."""
EDITS: Mapping[str, tuple[str, ...]] = {
    "hair": ("green", "blue", "pink", "purple", "red", "orange", "turquoise", "white", "black", "grey", "blond",
             "brown"),
    "skin": ("green", "blue", "red", "purple", "grey", "white"),
    "eyes": ("red", "green", "blue", "white", "black", "yellow"),
    "clothes": ("green", "blue", "pink", "purple", "red", "orange", "turquoise", "yellow", "white", "black", "grey"),
}  # fmt: skip
"""What alone can be recoloured, and the colours it is given."""


EDIT_WORDS: Mapping[str, tuple[str, ...]] = {
    "hair": ("hair", "haired"), "skin": ("skin", "skinned"), "eyes": ("eyes", "eyed"),
    "clothes": ("clothes", "clothing", "shirt", "top", "jacket", "sweater", "dress"),
}  # fmt: skip
"""What people call that which is recoloured."""


def paint(view: Seen, look: str, seed: int = 0) -> Float[Tensor, "3 H W"]:
    """The view in a look, sRGB over white; `seed` moves veins, grain and sores."""
    colour = BY_NAME[look].paint(view, seed).clamp(0, 1)
    return over_white(colour, view)


def recolour(view: Seen, part: str, colour: str) -> Float[Tensor, "3 H W"]:
    """The photograph with one thing in another colour (a key and a word of `EDITS`), over white; light, strands and
    pores stay."""
    target = torch.tensor(HUES[colour])[:, None, None]
    mask = edited(view, part)
    grey = view.colour.mean(0)
    own = (grey * mask).sum() / mask.sum().clamp(min=1)
    relative = (grey / own.clamp(min=0.05)).clamp(0.3, 2.2)
    softer = relative ** (0.6 if float(own) < 0.25 else 0.9)
    painted = (target * softer).clamp(0, 1)
    if part == "skin":
        painted = 0.82 * painted + 0.18 * view.colour
    return over_white(view.colour + mask * (painted - view.colour), view)


def edited(view: Seen, part: str) -> Float[Tensor, "H W"]:
    """1 where an edit of this part acts."""
    if part == "hair":
        return torch.maximum(view.of(HAIR), 0.9 * view.of(5))
    if part == "skin":
        # Lips stay a little themselves; brows and lashes are parts of their own.
        return view.of(1)
    if part == "eyes":
        return view.of(EYES) * _iris(view)
    return view.of(TOP)


def over_white(colour: Float[Tensor, "3 H W"], view: Seen) -> Float[Tensor, "3 H W"]:
    """A picture of what is seen over white."""
    return view.coverage * colour + (1 - view.coverage)


def look_named(sentence: str) -> str | None:
    """The look that a sentence names, by the longest phrase that looks are called by; None where it names none."""
    said = words_of(sentence)
    best: tuple[int, str | None] = (0, None)
    for look in LOOKS[1:]:
        for phrase in (*look.words, *_forms(look.name)):
            words = words_of(phrase)
            if _within(words, said) and len(words) > best[0]:
                best = (len(words), look.name)
    return best[1]


def edit_named(sentence: str) -> tuple[str, str] | None:
    """What a sentence wants in another colour and in which, a key and a word of `EDITS`: the first thing whose name
    stands at most one word behind a colour. None where there is nothing."""
    said = words_of(sentence)
    for place, word in enumerate(said):
        part = next((part for part, words in EDIT_WORDS.items() if word in words), None)
        if part is None:
            continue
        for before in (1, 2):
            if place >= before and said[place - before] in EDITS[part]:
                return part, said[place - before]
    return None


def _iris(view: Seen) -> Tensor:
    """Of eyes what is not white."""
    return ((0.78 - view.colour.mean(0)) * 6).clamp(0, 1)


def _forms(name: str) -> tuple[str, ...]:
    return {"wood": ("wooden",), "gold": ("golden",), "ice": ("icy", "frozen"), "toon": ("toon", "cartoon")}.get(
        name, ()
    )


def _within(words: Sequence[str], said: Sequence[str]) -> bool:
    return any(list(said[k : k + len(words)]) == list(words) for k in range(len(said) - len(words) + 1))
