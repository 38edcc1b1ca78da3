# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's parameters as English sentences: the plain one, and as many others as one likes."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from . import phrases
from .parameters import EYE_COLOURS, HAIR_STYLES, PersonParameters

BEARDS = {"stubble": "stubble", "moustache": "a moustache", "goatee": "a goatee", "full": "a full beard"}
EXPRESSION_WORDS = {"neutral": "neutral expression", "smile": "smiling"}
LEADS = ("portrait of ", "a portrait of ", "a photo of ", "picture of ", "the head of ", "a bust of ",
         "an avatar of ", "please make ", "show me ", "i want ", "create ", "a 3d head of ", "generate ", "give me ",
         "a realistic render of ", "a character who is ", "a picture of ", "the face of ", "make ", "draw ",
         "a photograph of ")  # fmt: skip
ABSENT = {"glasses": ("without glasses", "no glasses"), "hat": ("without a hat", "no hat"),
          "beard": ("without a beard", "clean-shaven", "with no beard")}  # fmt: skip
Said = Callable[..., bool]
Pick = Callable[[Sequence[str]], str]


def describe(person: PersonParameters) -> str:
    """What one would say of the person: age, sex, skin, hair, eyes, then what stands out."""
    age = _band(person.years, ((20, "teenage"), (35, "young"), (58, "middle-aged")), "elderly")
    noun = ("boy" if person.male else "girl") if person.years < 18 else ("man" if person.male else "woman")
    tone = _band(person.tone, ((0.06, "very fair"), (0.2, "fair"), (0.4, "light brown"), (0.65, "brown")), "dark brown")
    eyes = EYE_COLOURS.get(person.eye_colour, person.eye_colour)
    article = "an" if age[0] in "aeiou" else "a"
    parts = [f"{article} {age} {noun} with {tone} skin, {_hair(person)} and {eyes} eyes"]
    extras = _face(person)[:2]
    if person.beard:
        extras.append(BEARDS[person.beard])
    if person.glasses:
        extras.append(f"{person.glasses} glasses")
    if person.hat:
        extras.append("a hat")
    if extras:
        parts.append(" and ".join(extras))
    parts.append(EXPRESSION_WORDS.get(person.expression, person.expression))
    return ", ".join(parts)


def paraphrase(record: Mapping, random: np.random.Generator) -> str:
    """One of very many ways to say some of what `PersonParameters.record()` holds, from a word or two ("red hair") to
    everything; what it says is always true of the person."""
    pick = lambda words: str(random.choice(words))  # noqa: E731
    fullness = random.choice([0.08, 0.3, 0.55, 0.9], p=[0.3, 0.25, 0.2, 0.25])
    said = lambda weight=1.0: random.random() < min(1.0, fullness * weight)  # noqa: E731
    told = random.random() < 0.25 + fullness
    adjectives = _adjectives(record, random, said, pick)
    features = _features(record, random, said, pick)
    garments = _garments(record, said, pick)
    tails = []
    if said(0.4):
        tails.append(pick(phrases.years_phrases(record, random)))
    if said(0.7 if record["expression"] != "neutral" else 0.3):
        tails.append(pick(phrases.EXPRESSION_WORDS[record["expression"]]))
    tails += [pick(words) for name, words in ABSENT.items() if not record[name] and said(0.1)]
    if random.random() < 0.3 and features + garments and not adjectives:
        return ", ".join([*random.permutation(features + garments).tolist(), *tails])  # no noun: "red hair, a beard"
    if not (told or adjectives or features or garments or tails):
        told = True
    noun = pick(phrases.nouns(record, told))
    if noun in ("someone", "somebody"):
        adjectives = []
    who = " ".join([*adjectives, noun])
    if noun not in ("someone", "somebody") and random.random() < 0.85:
        who = phrases.article(f"a {who}")
    if features and random.random() < 0.15:
        return _told_in_sentences(record, who, features, garments, tails, pick)
    parts = [who]
    if features:
        parts.append(("with " if random.random() < 0.75 else "who has ") + _listing(features, random))
    if garments:
        parts.append(pick(("wearing ", "with ", "wearing ", "who wears ")) + _listing(garments, random))
    sentence = " ".join(parts) if random.random() < 0.8 else ", ".join([who, *features, *garments])
    return (pick(LEADS) if random.random() < 0.35 else "") + ", ".join([sentence, *tails])


def _band(value: float, bounds: tuple[tuple[float, str], ...], last: str) -> str:
    return next((word for bound, word in bounds if value < bound), last)


def _hair(person: PersonParameters) -> str:
    if person.hair is None:
        return "a shaved head"
    words = HAIR_STYLES.get(person.hair, ("", 0, f"{person.hair} hair"))[2]
    if words.startswith(("a ", "an ")):
        article = "an" if person.hair_colour[0] in "aeiou" else "a"
        return f"{article} {person.hair_colour} {words.split(' ', 1)[1]}"
    return f"{words.removesuffix(' hair')} {person.hair_colour} hair"


def _face(person: PersonParameters) -> list[str]:
    def slider(stem: str) -> float:
        return sum(value for name, value in person.sliders.items() if name.split(":")[0] == stem)

    found = []
    if person.weight < 0.33 or person.weight > 0.68:
        found.append("a slim build" if person.weight < 0.33 else "a full face")
    if abs(width := slider("nose-scale-horiz")) > 0.45:
        found.append("a broad nose" if width > 0 else "a narrow nose")
    if slider("mouth-lowerlip-volume") + slider("mouth-upperlip-volume") > 0.6:
        found.append("full lips")
    if slider("chin-prominent") > 0.45:
        found.append("a strong chin")
    return found


def _adjectives(record: Mapping, random: np.random.Generator, said: Said, pick: Pick) -> list[str]:
    found = []
    if said(0.35):
        found += [pick(words)] if (words := phrases.builds(record)) else []
    if said(1.1):
        found.append(pick(phrases.ages(record)))
    if said(0.3):
        found += [pick(words)] if (words := phrases.origins(record)) else []
    if said(0.35):
        found.append(f"{pick(phrases.skins(record))}-skinned")
    elif said(0.12) and (record["tone"] > 0.65 or record["tone"] < 0.15):
        found.append("black" if record["tone"] > 0.65 else "white")
    if said(0.15):
        colour = pick(phrases.COLOUR_WORDS[record["hair_colour"]])
        found.append(f"{colour}-haired" if record["hair"] else "bald")
    if said(0.2) and record["beard"]:
        found.append({"moustache": "moustached", "stubble": "unshaven"}.get(record["beard"], "bearded"))
    if said(0.15) and record["expression"] in phrases.EXPRESSION_ADJECTIVES:
        found.append(pick(phrases.EXPRESSION_ADJECTIVES[record["expression"]]))
    if len(found) > 1 and random.random() < 0.3:
        random.shuffle(found)
    return found


def _features(record: Mapping, random: np.random.Generator, said: Said, pick: Pick) -> list[str]:
    found = []
    if said(0.8):
        found.append(f"{pick(phrases.skins(record))} skin")
    if said(1.3):
        found.append(phrases.hairs(record, random, pick(("both", "both", "colour", "style"))))
    if said(0.9) and (eyes := phrases.eyes(record)):
        found.append(eyes)
    if record["beard"] and said(1.2):
        found.append(pick(phrases.BEARD_WORDS[record["beard"]]))
    elif record["male"] and said(0.25):
        found.append(pick(("no beard", "a clean-shaven face", "a smooth chin")))
    found += [pick(words) for words in phrases.face_features(record) if said(0.6)]
    if random.random() < 0.3:
        random.shuffle(found)
    return found


def _garments(record: Mapping, said: Said, pick: Pick) -> list[str]:
    found = []
    if record["glasses"] and said(1.2):
        shape = record["glasses"]
        found.append(pick((f"{shape} glasses", f"{shape} glasses", "glasses", "spectacles", f"{shape} eyeglasses")))
    elif said(0.12):
        found.append("no glasses")
    if record["hat"] and said(1.2):
        colour = phrases.colour_name(record["hat_colour"])
        found.append(phrases.article(pick(("a hat", f"a {colour} hat", "a fedora", f"a {colour} fedora"))))
    elif said(0.06):
        found.append("no hat")
    if record["top"] and record["top_plain"] and said(0.4):
        colour = phrases.colour_name(record["top_colour"])
        found.append(phrases.article(pick((f"a {colour} top", f"a {colour} shirt", f"{colour} clothes"))))
    return found


def _listing(items: list[str], random: np.random.Generator) -> str:
    if len(items) == 1:
        return items[0]
    if random.random() < 0.2:
        return " and ".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]


def _told_in_sentences(
    record: Mapping, who: str, features: list[str], garments: list[str], tails: list[str], pick: Pick
) -> str:
    pronoun = "he" if record["male"] else "she"
    sentences = [who, *(f"{pronoun} has {feature}" for feature in features)]
    sentences += [f"{pronoun} wears {garment}" for garment in garments if not garment.startswith("no ")]
    return pick((". ", ", ")).join(sentences + tails)
