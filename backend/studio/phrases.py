# SPDX-License-Identifier: GPL-3.0-or-later
"""Words for what a record says: each function gives phrases of the same meaning, the first the plainest.

`adjectives` stand before the noun, `features` after "with", `garments` after "wearing", `moods` after a comma.
"""

from collections.abc import Mapping

import numpy as np

from .attributes import band
from .parameters import EYE_COLOURS

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "black": ("black", "raven", "jet black"), "dark brown": ("dark brown", "brunette", "dark chestnut"),
    "brown": ("brown", "chestnut", "brunette", "medium brown"),
    "light brown": ("light brown", "dirty blond", "dark blond"),
    "blond": ("blond", "blonde", "golden", "fair", "yellow"),
    "red": ("red", "ginger", "copper", "bright red", "orange"), "auburn": ("auburn", "reddish brown", "dark red"),
    "grey": ("grey", "gray", "silver", "greying"), "white": ("white", "snow white", "pure white"),
}  # fmt: skip
STYLE_WORDS: dict[str, tuple[str, ...]] = {
    "short01": ("short side-swept {c} hair", "{c} hair swept to the side", "short side-parted {c} hair"),
    "short02": ("short curly {c} hair", "{c} curls", "curly {c} hair", "short wavy {c} hair"),
    "short03": ("short combed {c} hair", "combed back {c} hair", "slicked back {c} hair", "neat short {c} hair"),
    "short04": ("short straight {c} hair", "cropped {c} hair", "straight short {c} hair"),
    "bob01": ("a chin-length {c} bob", "a {c} bob", "chin-length {c} hair", "medium length {c} hair"),
    "bob02": ("a chin-length {c} bob with bangs", "a {c} bob with a fringe", "{c} hair with bangs",
              "chin-length {c} hair with bangs", "a {c} fringe", "medium length {c} hair and bangs"),
    "braid01": ("braided {c} hair", "a {c} braid", "{c} braids", "plaited {c} hair", "{c} hair in a braid"),
    "long01": ("long straight {c} hair", "straight long {c} hair", "long flowing {c} hair"),
    "ponytail01": ("a {c} ponytail", "{c} hair in a ponytail", "{c} hair tied back", "a long {c} ponytail"),
    "afro01": ("a {c} afro", "{c} afro hair", "frizzy {c} hair", "big curly {c} hair"),
}  # fmt: skip
LENGTH_WORDS = {"short": "short {c} hair", "long": "long {c} hair"}
BALD = ("a shaved head", "no hair", "a bald head")
BEARD_WORDS = {
    "stubble": ("stubble", "a stubble beard", "a five o'clock shadow", "a short stubble"),
    "moustache": ("a moustache", "a mustache"),
    "goatee": ("a goatee", "a goatee beard", "a chin beard"),
    "full": ("a full beard", "a beard", "a big beard", "a thick beard"),
}
EXPRESSION_WORDS = {
    "neutral": ("neutral expression", "with a neutral expression", "looking serious", "with a calm face"),
    "smile": ("smiling", "with a smile", "with a friendly smile", "looking happy", "grinning"),
    "surprised": ("surprised", "looking surprised", "with raised eyebrows", "astonished"),
    "sad": ("sad", "looking sad", "unhappy", "with a sad expression", "frowning"),
    "eyes half closed": ("eyes half closed", "with half closed eyes", "looking sleepy", "tired"),
}
EXPRESSION_ADJECTIVES = {"smile": ("smiling", "happy", "cheerful"), "surprised": ("surprised",), "sad": ("sad",),
                         "eyes half closed": ("sleepy", "tired"), "neutral": ("serious",)}  # fmt: skip
SKIN_WORDS = (
    ("very fair", "very pale", "pale", "porcelain", "very light", "white"),
    ("fair", "light", "pale", "white"),
    ("light brown", "tanned", "olive", "tan"),
    ("brown", "medium brown", "bronze"),
    ("dark brown", "dark", "very dark", "deep brown", "black"),
)
DECADES = {1: "teens", 2: "twenties", 3: "thirties", 4: "forties", 5: "fifties", 6: "sixties", 7: "seventies",
           8: "eighties"}  # fmt: skip
CLOTH_HUES = ("red", "orange", "yellow", "green", "green", "turquoise", "blue", "blue", "purple", "pink")


def nouns(record: Mapping, told: bool) -> tuple[str, ...]:
    """Words for the person; with `told` they say the sex."""
    if not told:
        return ("person", "human", "someone", "somebody", "individual")
    young, old = record["years"] < 20, record["years"] >= 58
    if record["male"]:
        extra = ("boy", "youth", "teenager boy") if young else ("grandfather", "gentleman") if old else ("guy",)
        return ("man", "man", "male", *extra)
    extra = ("girl", "teenager girl") if young else ("grandmother", "old lady") if old else ("lady",)
    return ("woman", "woman", "female", *extra)


def ages(record: Mapping) -> tuple[str, ...]:
    """Adjectives of age."""
    years = record["years"]
    if years < 20:
        return ("teenage", "young", "very young", "adolescent")
    if years < 35:
        return ("young", "youthful", "young adult") if years < 30 else ("young", "youngish")
    if years < 58:
        return ("middle-aged", "mature", "adult") if years < 50 else ("middle-aged", "older", "mature")
    return ("elderly", "old", "aged", "senior", "older") + (("very old", "ancient", "wrinkled") * (years > 70))


def years_phrases(record: Mapping, random: np.random.Generator) -> tuple[str, ...]:
    """Age in numbers, after the noun."""
    years = round(record["years"])
    about = 5 * round(years / 5)
    decade = f"in {_possessive(record, random)} {DECADES[min(years // 10, 8)]}"
    return (f"{years} years old", f"aged {years}", f"about {about} years old", decade, decade, f"of {years} years")


def skins(record: Mapping) -> tuple[str, ...]:
    """Adjectives of skin."""
    return SKIN_WORDS[band(record["tone"], (0.06, 0.2, 0.4, 0.65))]


def origins(record: Mapping) -> tuple[str, ...]:
    """Where most of the face's shape comes from; nothing for mixed ones."""
    family, share = max(record["ethnic"].items(), key=lambda pair: pair[1])
    return {"african": ("african",), "asian": ("asian",), "caucasian": ("european", "caucasian")}[family] * (
        share > 0.7
    )


def hairs(record: Mapping, random: np.random.Generator, parts: str) -> str:
    """A phrase for the hair: `parts` is "colour", "style" or "both"."""
    if record["hair"] is None:
        return str(random.choice(BALD))
    words = COLOUR_WORDS[record["hair_colour"]]
    colour = "" if parts == "style" else words[0] if random.random() < 0.6 else str(random.choice(words))
    if parts == "colour":
        return f"{colour} hair"
    forms = STYLE_WORDS.get(record["hair"], ("{c} hair",))
    form = forms[0] if random.random() < 0.4 else str(random.choice(forms))
    length = next((word for word in LENGTH_WORDS if word in forms[0]), None)
    if length and random.random() < 0.4:
        form = LENGTH_WORDS[length]
    elif record["hair"] in ("braid01", "ponytail01") and random.random() < 0.25:
        form = LENGTH_WORDS["long"]
    return article(" ".join(form.format(c=colour).split()))


def eyes(record: Mapping) -> str | None:
    """A phrase for the eyes."""
    colour = EYE_COLOURS.get(record["eye_colour"])
    return f"{colour} eyes" if colour else None


def face_features(record: Mapping) -> list[tuple[str, ...]]:
    """What stands out in the face's shape, each with its synonyms."""

    def slider(stem: str) -> float:
        return sum(value for name, value in record["sliders"].items() if name.split(":")[0] == stem)

    found: list[tuple[str, ...]] = []
    if record["weight"] > 0.68:
        found.append(("a full face", "a round face", "chubby cheeks"))
    elif record["weight"] < 0.33:
        found.append(("a slim face", "a thin face", "a narrow face"))
    if abs(width := slider("nose-scale-horiz")) > 0.35:
        found.append(("a broad nose", "a wide nose") if width > 0 else ("a narrow nose", "a thin nose"))
    if slider("mouth-lowerlip-volume") + slider("mouth-upperlip-volume") > 0.5:
        found.append(("full lips", "thick lips"))
    if slider("chin-prominent") > 0.4:
        found.append(("a strong chin", "a prominent chin"))
    return found


def builds(record: Mapping) -> tuple[str, ...]:
    """Adjectives of build; nothing for the average."""
    if record["weight"] < 0.33:
        return ("slim", "thin", "skinny")
    return ("heavy", "chubby", "fat", "overweight") if record["weight"] > 0.68 else ()


def colour_name(linear: tuple[float, float, float]) -> str:
    """The plain word for a linear colour of cloth."""
    rgb = np.clip(linear, 0, 1) ** (1 / 2.2)
    high, low = rgb.max(), rgb.min()
    if high - low < 0.13:
        return "black" if high < 0.28 else "dark grey" if high < 0.45 else "grey" if high < 0.75 else "white"
    red, green, blue = rgb
    span = high - low
    turn = ((green - blue) / span % 6 if high == red else (blue - red) / span + 2 if high == green
            else (red - green) / span + 4) / 6  # fmt: skip
    word = CLOTH_HUES[int(turn * 10 + 0.5) % 10]
    if word in ("orange", "yellow") and high < 0.6:
        return "brown"
    return f"dark {word}" if high < 0.4 else word


def article(phrase: str) -> str:
    """ "a" made "an" where the next letter asks for it."""
    return phrase.replace("a ", "an ", 1) if phrase[:2] == "a " and phrase[2:3] in "aeiou" else phrase


def _possessive(record: Mapping, random: np.random.Generator) -> str:
    return "their" if random.random() < 0.2 else "his" if record["male"] else "her"
