# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's parameters as an English sentence."""

from .parameters import EYE_COLOURS, HAIR_STYLES, PersonParameters

BEARDS = {"stubble": "stubble", "moustache": "a moustache", "goatee": "a goatee", "full": "a full beard"}
EXPRESSION_WORDS = {"neutral": "neutral expression", "smile": "smiling"}


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
