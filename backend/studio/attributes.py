# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's record as classes: what sentences name, what the latent space is taught and what the judge reads back."""

from collections.abc import Mapping

from .parameters import EYE_COLOURS, HAIR_COLOURS

AGES = ("teenage", "young", "middle-aged", "elderly")
AGE_LIMITS = (20.0, 35.0, 58.0)
"""Years at which the next age begins."""
TONES = ("very fair", "fair", "light brown", "brown", "dark brown")
TONE_LIMITS = (0.06, 0.2, 0.4, 0.65)
"""Skin tones at which the next word begins."""
LENGTHS = ("shaved", "short", "chin-length", "long", "afro")
LENGTH_OF = {"bob01": "chin-length", "bob02": "chin-length", "braid01": "long", "long01": "long",
             "ponytail01": "long", "afro01": "afro"}  # fmt: skip
"""Styles that are not short."""
STYLES = ("none", "short01", "short02", "short03", "short04", "bob01", "bob02", "braid01", "long01", "ponytail01",
          "afro01")  # fmt: skip
EYES = tuple(dict.fromkeys(EYE_COLOURS.values()))
BUILDS = ("slim", "average", "heavy")
BUILD_LIMITS = (0.33, 0.68)
CLASSES: dict[str, tuple[str, ...]] = {
    "sex": ("female", "male"),
    "age": AGES,
    "skin": TONES,
    "hair colour": tuple(HAIR_COLOURS),
    "hair length": LENGTHS,
    "hair style": STYLES,
    "eyes": EYES,
    "beard": ("none", "stubble", "moustache", "goatee", "full"),
    "glasses": ("none", "round", "square", "oval"),
    "hat": ("none", "hat"),
    "expression": ("neutral", "smile", "surprised", "sad", "eyes half closed"),
    "build": BUILDS,
}
"""Attribute -> its classes, in the order of their numbers."""
JUDGED: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "sex": ("sex", {"female": ("female",), "male": ("male",)}),
    "age group": ("age", {"young": ("teenage", "young"), "middle-aged": ("middle-aged",), "elderly": ("elderly",)}),
    "skin tone": ("skin", {"fair": ("very fair", "fair"), "brown": ("light brown", "brown"), "dark": ("dark brown",)}),
    "hair colour": ("hair colour", {
        "black": ("black",), "brown": ("dark brown", "brown", "light brown"), "blond": ("blond",),
        "red": ("red", "auburn"), "grey": ("grey", "white"),
    }),
    "hair length": ("hair length", {length: (length,) for length in LENGTHS}),
}  # fmt: skip
"""What the judge of sentences reads: name -> attribute and its groups of classes. Borders of groups are borders of
words, so that a sentence that names the attribute decides the group."""
UNKNOWN = -1
"""The class of what cannot be seen, such as the colour of shaved hair."""


def labels(record: Mapping) -> dict[str, int]:
    """The class of each attribute of `PersonParameters.record()`; `UNKNOWN` where there is none."""
    hair = record["hair"]
    words = {
        "sex": "male" if record["male"] else "female",
        "age": AGES[band(record["years"], AGE_LIMITS)],
        "skin": TONES[band(record["tone"], TONE_LIMITS)],
        "hair colour": record["hair_colour"] if hair else "",
        "hair length": LENGTH_OF.get(hair, "short") if hair else "shaved",
        "hair style": hair or "none",
        "eyes": EYE_COLOURS.get(record["eye_colour"], ""),
        "beard": record["beard"] or "none",
        "glasses": record["glasses"] or "none",
        "hat": "hat" if record["hat"] else "none",
        "expression": record["expression"],
        "build": BUILDS[band(record["weight"], BUILD_LIMITS)],
    }
    return {name: CLASSES[name].index(word) if word in CLASSES[name] else UNKNOWN for name, word in words.items()}


def judged(record: Mapping) -> dict[str, int]:
    """The group of each of `JUDGED`; `UNKNOWN` where there is none."""
    classes = labels(record)
    found = {}
    for name, (attribute, groups) in JUDGED.items():
        word = CLASSES[attribute][classes[attribute]] if classes[attribute] != UNKNOWN else None
        found[name] = next((k for k, words in enumerate(groups.values()) if word in words), UNKNOWN)
    return found


def band(value: float, limits: tuple[float, ...]) -> int:
    """How many of the rising limits a value has reached."""
    return sum(value >= limit for limit in limits)
