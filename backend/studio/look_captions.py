# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences about heads in other looks: "a bronze bust of an old man with a beard", "a woman as a zombie"."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from . import phrases
from .captions import paraphrase
from .looks import BY_NAME

THINGS = ("statue", "bust", "head", "sculpture", "figure", "portrait", "face", "statue", "bust")
"""What a material is made into."""
VIEWS = (("front view", "seen from the front", "facing the camera"),
         ("side view", "seen from the side", "in profile"),
         ("back view", "seen from behind", "from the back"))  # fmt: skip
OPENINGS = ("", "", "", "", "a photo of ", "a picture of ", "a render of ", "make ", "a 3d model of ", "an image of ")
_ARTICLE = re.compile(r"\ba (?=(?!eu|uni)[aeiou])")
GENERIC = 0.12
"""Share of captions of people that say nothing but that it is one."""


def caption(
    record: Mapping, look: str, random: np.random.Generator, edit: tuple[str, str] | None = None, azimuth: float = 0.0
) -> str:
    """One of very many sentences about the person of a record in a look, or with one thing recoloured: a part of
    `looks.EDITS` and a colour. Some say from where the person is seen (`azimuth`, radians)."""
    if edit is not None:
        said = _edited(record, edit, random)
    elif look == "photograph":
        said = _photograph(record, random)
    else:
        said = _in_look(record, look, random)
    if random.uniform() < 0.15:
        said = f"{said}, {_pick(random, VIEWS[_side(azimuth)])}"
    return _ARTICLE.sub("an ", said)


def person_words(record: Mapping, random: np.random.Generator, fullness: float, hair: bool = True) -> str:
    """A short noun phrase: "an old man with a beard and glasses"."""
    told = random.uniform() < 0.3 + fullness
    noun = _pick(random, phrases.nouns(record, told))
    if noun in ("someone", "somebody"):
        return noun
    if random.uniform() < fullness:
        noun = f"{_pick(random, phrases.ages(record))} {noun}"
    extras = []
    if hair and random.uniform() < 0.6 * fullness:
        extras.append("no hair" if record["hair"] is None else phrases.hairs(record, random, "style"))
    if record["beard"] and random.uniform() < fullness:
        extras.append(_pick(random, phrases.BEARD_WORDS[record["beard"]]))
    if record["glasses"] and random.uniform() < fullness:
        extras.append("glasses")
    if record["hat"] and random.uniform() < fullness:
        extras.append("a hat")
    who = phrases.article(f"a {noun}")
    return who if not extras else f"{who} with {' and '.join(extras)}"


def _photograph(record: Mapping, random: np.random.Generator) -> str:
    if random.uniform() < GENERIC:
        return str(_pick(random, ("a person", "a photo of a person", "a human face", "a portrait", "a realistic head",
                                  "a photograph", "a head", "a photo of a human head")))  # fmt: skip
    return paraphrase(record, random).replace("a bust of ", "a photo of ").replace("the head of ", "a photograph of ")


def _in_look(record: Mapping, name: str, random: np.random.Generator) -> str:
    look = BY_NAME[name]
    # The name itself most often: it is what people write, and what tells looks apart.
    word = look.words[0] if random.uniform() < 0.55 else _pick(random, look.words)
    fullness = float(random.choice([0.0, 0.4, 0.9], p=[0.4, 0.35, 0.25]))
    who = person_words(record, random, fullness)
    opening = _pick(random, OPENINGS)
    if look.kind == "material":
        adjective = "wooden" if word == "wood" and random.uniform() < 0.5 else word
        adjective = "golden" if word == "gold" and random.uniform() < 0.3 else adjective
        thing = _pick(random, THINGS)
        plain = (f"a {adjective} {thing}", f"a {thing} made of {word}", f"a {thing} of {word}", f"{adjective} {thing}",
                 f"{adjective}")  # fmt: skip
        of_whom = (f"a {adjective} {thing} of {who}", f"{who} made of {word}", f"{who} carved in {word}",
                   f"a {adjective} statue of {who}", f"{who} as a {adjective} {thing}")  # fmt: skip
    elif look.kind == "creature":
        plain = (f"a {word}", f"a {word}", word, f"the head of a {word}", f"a {word} portrait")
        of_whom = (f"{who} as a {word}", f"a {word} {who.removeprefix('an ').removeprefix('a ')}",
                   f"{who} who is a {word}", f"{who} turned into a {word}")  # fmt: skip
    else:
        drawn = {"toon": ("character", "drawing", "style portrait"), "pencil": ("drawing", "sketch", "portrait")}[name]
        thing = _pick(random, drawn)
        plain = (f"a {word} {thing}", f"{word} {thing}", f"a {word} style head", f"in {word} style", word)
        of_whom = (f"a {word} {thing} of {who}", f"{who} in {word} style", f"{who}, {word} {thing}",
                   f"a {word} portrait of {who}")  # fmt: skip
    said = _pick(random, plain) if fullness == 0 else _pick(random, of_whom)
    return opening + said


def _edited(record: Mapping, edit: tuple[str, str], random: np.random.Generator) -> str:
    part, colour = edit
    word = "blonde" if colour == "blond" and random.uniform() < 0.4 else colour
    fullness = float(random.choice([0.0, 0.5], p=[0.6, 0.4]))
    who = person_words(record, random, fullness, hair=False)
    thing = {"hair": "hair", "skin": "skin", "eyes": "eyes", "clothes": _pick(random, ("clothes", "shirt", "top"))}[
        part
    ]
    has = f"a {word} {thing}" if thing in ("shirt", "top") else f"{word} {thing}"
    options = [f"{who} with {has}", f"{who} with {has}", has, f"{has}"]
    if part == "hair":
        options.append(f"{word}-haired {who.removeprefix('an ').removeprefix('a ')}")
    return _pick(random, OPENINGS[:7]) + _pick(random, options)


def _side(azimuth: float) -> int:
    turned = abs((azimuth + np.pi) % (2 * np.pi) - np.pi)
    return 0 if turned < 0.7 else 1 if turned < 2.2 else 2


def _pick(random: np.random.Generator, words: Sequence[str]) -> str:
    return str(words[int(random.integers(len(words)))])
