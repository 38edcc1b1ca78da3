# SPDX-License-Identifier: GPL-3.0-or-later
"""The grammar of changes: a rule for each thing that words can change about a person."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Slot = Literal["adjective", "noun", "with", "wearing", "tail"]
Trait = tuple[Slot, str]
Known = Mapping[str, str]
"""Attribute -> class of the avatar as it is, in the words of `studio.attributes.CLASSES`."""

AGES = ("teenage", "young", "middle-aged", "elderly")
TONES = ("very fair", "fair", "light brown", "brown", "dark brown")
HAIR_COLOURS = {
    "black": "black", "raven": "black", "brunette": "dark brown", "brown": "brown", "chestnut": "brown",
    "blond": "blond", "blonde": "blond", "golden": "blond", "fair": "blond", "yellow": "blond", "red": "red",
    "ginger": "red", "redhead": "red", "copper": "red", "orange": "red", "auburn": "auburn", "grey": "grey",
    "gray": "grey", "silver": "grey", "white": "white",
}  # fmt: skip
COLOUR_PHRASES = {*HAIR_COLOURS.values(), "light brown", "dark brown"}
SHADES = ("white", "blond", "light brown", "brown", "dark brown", "black")
"""Hair from light to dark."""
EYE_COLOURS = ("brown", "blue", "green", "grey", "gray")
STYLES = {
    "ponytail": "a ponytail", "braid": "braided hair", "braids": "braided hair", "braided": "braided hair",
    "bob": "a chin-length bob", "bangs": "a bob with bangs", "fringe": "a bob with bangs", "afro": "an afro",
    "curly": "short curly hair", "curls": "short curly hair", "wavy": "short curly hair", "bald": "a shaved head",
    "straight": "straight hair", "frizzy": "an afro",
}  # fmt: skip
MOODS = {
    "smile": "smiling", "smiling": "smiling", "happy": "smiling", "happier": "smiling", "laugh": "smiling",
    "cheerful": "smiling", "grin": "smiling", "sad": "looking sad", "sadder": "looking sad", "unhappy": "looking sad",
    "surprised": "surprised", "astonished": "surprised", "serious": "neutral expression",
    "neutral": "neutral expression", "calm": "neutral expression", "sleepy": "eyes half closed",
    "tired": "eyes half closed",
}  # fmt: skip
REMOVING = {"remove", "without", "no", "off", "shave", "shaved", "lose", "delete", "less", "stop", "not", "hide"}
ADDING = {"add", "give", "put", "make", "with", "turn", "dye", "have", "change"}
MALE, FEMALE = {"him", "his", "he", "man", "male"}, {"her", "she", "woman", "female", "hers"}
LIGHT, DARK = {"light", "lighter", "fair", "fairer", "pale", "paler"}, {"dark", "darker", "deep", "deeper"}
WORDS = REMOVING | ADDING | MALE | FEMALE | LIGHT | DARK | {
    "add", "give", "put", "on", "change", "turn", "into", "dye", "colour", "color", "have", "as", "more", "much", "bit",
    "little", "it", "them", "years", "look", "looks", "head", "haircut", "beards", "hairs", "eye", "tan",
    "older", "younger", "age", "rejuvenate", "longer", "shorter", "thinner", "slimmer", "skinnier", "fatter",
    "chubbier", "heavier", "rounder", "wider", "broader", "narrower", "fuller", "thicker", "stronger", "bigger",
    "smaller",
    "feminine", "masculine", "shaven", "cap", "rid", "get", "take", "away", "slightly", "lot", "be", "should",
    "redhead", "bearded", "grow", "wrinkles", "grin", "laugh", "eyes", "complexion",
}  # fmt: skip
"""Words that only changes know."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing before and after."""

    before: Trait | None
    after: Trait


Rule = Callable[[list[str], Known], Iterator[Change]]


def _sex(words: list[str], known: Known) -> Iterator[Change]:
    said = set(words)
    man: Trait = ("noun", "man")
    woman: Trait = ("noun", "woman")
    into = {after for before, after in pairwise(words) if before in ("a", "into", "more")}
    if into & {"woman", "female", "girl", "lady", "feminine"} or "feminine" in said:
        yield Change(man, woman)
    elif into & {"man", "male", "boy", "guy", "masculine"} or "masculine" in said:
        yield Change(woman, man)


def _age(words: list[str], known: Known) -> Iterator[Change]:
    said, now = set(words), known.get("age")
    years = [word for word in words if word.isdecimal()]
    if years and not said & {"older", "younger"}:
        yield Change(("adjective", now) if now else None, ("tail", f"{years[0]} years old"))
        return
    if said & {"older", "old", "elderly", "aged", "age", "mature", "wrinkled", "wrinkles"}:
        yield Change(("adjective", now or "young"), ("adjective", "very old" if now == "elderly" else "elderly"))
    elif said & {"younger", "young", "rejuvenate", "youthful"}:
        yield Change(("adjective", now or "elderly"), ("adjective", "teenage" if now == "young" else "young"))
    elif said & {"teenage", "teenager", "adolescent"}:
        yield Change(("adjective", now or "middle-aged"), ("adjective", "teenage"))
    elif "middle" in said:
        yield Change(("adjective", now or "young"), ("adjective", "middle-aged"))


def _beard(words: list[str], known: Known) -> Iterator[Change]:
    kinds = {"beard": "a full beard", "bearded": "a full beard", "beards": "a full beard", "goatee": "a goatee",
             "moustache": "a moustache", "mustache": "a moustache", "stubble": "stubble"}  # fmt: skip
    named = next((kinds[word] for word in words if word in kinds), None)
    now = next((phrase for phrase in kinds.values() if known.get("beard", "none") in phrase), None)
    none: Trait = ("tail", "clean-shaven")
    if (named and set(words) & REMOVING) or ("shaven" in words and "clean" in words):
        yield Change(("with", now or named or "a full beard"), none)
    elif named:
        yield Change(("with", now) if now and now != named else none, ("with", named))


def _hair_style(words: list[str], known: Known) -> Iterator[Change]:
    said, now = set(words), known.get("hair length")
    lengths = {"short": "short hair", "long": "long hair", "chin-length": "a chin-length bob", "afro": "an afro",
               "shaved": "a shaved head"}  # fmt: skip
    before = lengths.get(now or "")
    if "hair" in said and ("longer" in said or "long" in said or "grow" in said):
        yield Change(("with", before if before != "long hair" and before else "short hair"), ("with", "long hair"))
    elif "hair" in said and said & {"shorter", "short", "cut", "cropped"}:
        yield Change(("with", before if before != "short hair" and before else "long hair"), ("with", "short hair"))
    elif (said & {"hair", "head"} and said & REMOVING and not said & {"glasses", "hat", "beard"}) or "bald" in said:
        yield Change(("with", before or "short hair"), ("with", "a shaved head"))
    elif style := next((STYLES[word] for word in words if word in STYLES), None):
        yield Change(("with", before) if before else None, ("with", style))


def _hair_colour(words: list[str], known: Known) -> Iterator[Change]:
    said = set(words)
    own = said & {"redhead", "brunette", "blonde", "blond", "ginger", "auburn"}
    if not own and not said & {"hair", "haired", "dye", *STYLES}:
        return
    now = known.get("hair colour")
    named = [HAIR_COLOURS[word] for place, word in enumerate(words) if word in HAIR_COLOURS and _of_hair(words, place)]
    before: Trait | None = ("with", f"{now} hair") if now else None
    if named:
        shade = next((f"{word} " for word in ("dark", "light") if named[0] == "brown" and word in said), "")
        after: Trait = ("with", f"{shade}{named[0]} hair")
        yield Change(before if before != after else None, after)
    elif said & (LIGHT | DARK) - {"fair"} and "skin" not in said:
        place = SHADES.index(now) if now in SHADES else 3
        lighter = bool(said & LIGHT)
        target = SHADES[max(1, place - 2) if lighter else min(len(SHADES) - 1, place + 2)]
        yield Change(before or ("with", "black hair" if lighter else "blond hair"), ("with", f"{target} hair"))


def _of_hair(words: list[str], place: int) -> bool:
    """Whether a colour word belongs to hair: the next noun after it, or none, is hair."""
    hair = {"hair", "haired", *STYLES}
    others = {"eyes", "eye", "skin", "hat", "glasses", "beard", "shirt", "top"}
    return next((word in hair for word in words[place + 1 :] if word in hair | others), True)


def _skin(words: list[str], known: Known) -> Iterator[Change]:
    said = set(words)
    if not said & {"skin", "skinned", "tan", "tanned", "complexion"}:
        return
    now = known.get("skin")
    before: Trait | None = ("with", f"{now} skin") if now else None
    place = TONES.index(now) if now in TONES else None
    place_of_skin = next((k for k, word in enumerate(words) if word.startswith("skin")), len(words))
    near = set(words[max(0, place_of_skin - 2) : place_of_skin])
    if "skin" in said and words[-1] in DARK | LIGHT:
        near.add(words[-1])
    if said & {"tan", "tanned", "olive"}:
        yield Change(before or ("with", "fair skin"), ("with", "light brown skin"))
    elif near & DARK or near == {"black"}:
        target = "dark brown" if place is None else TONES[min(4, place + 2)]
        yield Change(before or ("with", "fair skin"), ("with", f"{target} skin"))
    elif near & LIGHT or "white" in near:
        target = "fair" if place is None else TONES[max(0, place - 2)]
        yield Change(before or ("with", "dark brown skin"), ("with", f"{target} skin"))
    elif "brown" in near:
        yield Change(before or ("with", "fair skin"), ("with", "brown skin"))


def _eyes(words: list[str], known: Known) -> Iterator[Change]:
    for place, word in enumerate(words):
        if word in EYE_COLOURS and words[place + 1 : place + 2] and words[place + 1] in ("eyes", "eye"):
            now = known.get("eyes")
            yield Change(("with", f"{now} eyes") if now else None, ("with", f"{word} eyes"))
            return


def _worn(words: list[str], known: Known) -> Iterator[Change]:
    said = set(words)
    removed = bool(said & REMOVING)
    if said & {"glasses", "spectacles", "eyeglasses"}:
        shape = next((word for word in words if word in ("round", "square", "oval")), None)
        worn: Trait = ("wearing", f"{shape or known.get('glasses', 'none').replace('none', 'round')} glasses")
        bare: Trait = ("tail", "without glasses")
        yield Change(worn, bare) if removed else Change(bare, worn)
    if said & {"hat", "fedora", "cap"}:
        hat: Trait = ("wearing", "a hat")
        hatless: Trait = ("tail", "without a hat")
        yield Change(hat, hatless) if removed else Change(hatless, hat)


def _mood(words: list[str], known: Known) -> Iterator[Change]:
    moods = {"neutral": "neutral expression", "smile": "smiling", "sad": "looking sad", "surprised": "surprised",
             "eyes half closed": "eyes half closed"}  # fmt: skip
    named = next((MOODS[word] for word in words if word in MOODS), None)
    if named is None:
        return
    if set(words) & REMOVING and named != "neutral expression":
        yield Change(("tail", named), ("tail", "neutral expression"))
    else:
        yield Change(("tail", moods.get(known.get("expression", ""), "neutral expression")), ("tail", named))


def _shape(words: list[str], known: Known) -> Iterator[Change]:
    said = set(words)
    thin, fat = said & {"thinner", "slimmer", "slim", "thin", "skinny", "skinnier"}, said & {
        "fatter", "fat", "chubby", "chubbier", "heavier", "heavy", "overweight", "rounder",
    }  # fmt: skip
    if said & {"nose"}:
        wide = said & {"wider", "broader", "wide", "broad", "bigger"}
        narrow: Trait = ("with", "a narrow nose")
        broad: Trait = ("with", "a broad nose")
        if wide or said & {"narrower", "narrow", "thinner", "smaller", "thin"}:
            yield Change(narrow, broad) if wide else Change(broad, narrow)
    elif thin and not said & {"hair", "lips"}:
        yield Change(("adjective", "heavy"), ("adjective", "slim"))
    elif fat:
        yield Change(("adjective", "slim"), ("adjective", "heavy"))
    if "lips" in said:
        yield Change(None, ("with", "full lips"))
    if "chin" in said and said & {"strong", "stronger", "prominent", "bigger"}:
        yield Change(None, ("with", "a strong chin"))


RULES: tuple[Rule, ...] = (_sex, _age, _shape, _skin, _hair_style, _hair_colour, _eyes, _beard, _worn, _mood)
