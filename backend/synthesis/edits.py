# SPDX-License-Identifier: GPL-3.0-or-later
"""What "add a beard" or "make her older" asks for, as two descriptions: of the person before and after.

The step from the z of one to the z of the other changes an avatar. Both name the same things, so that the step is of
what was asked for and of nothing else.
"""

import re

from ..models.text_encoder import split, vocabulary
from .edit_rules import ADDING, COLOUR_PHRASES, FEMALE, MALE, REMOVING, RULES, STYLES, WORDS, Known, Trait


class EditError(ValueError):
    """A sentence asks for no change that is known; `message` says so and `hint` what to say instead."""

    def __init__(self, sentence: str) -> None:
        self.message = f'"{sentence.strip()}" names nothing that can be changed'
        self.hint = 'Say, for instance, "add a beard", "make her older", "red hair" or "remove the glasses".'
        super().__init__(self.message)


def edit_sentences(sentence: str, known: Known | None = None) -> tuple[str, str]:
    """Descriptions of the person before and after the change that a sentence asks for.

    `known` says what the avatar is like now; without it the opposite of what is asked for stands in.

    Raises EditError if nothing is asked for.
    """
    known = known or {}
    changes = [change for words in _clauses(sentence) for rule in RULES for change in rule(words, known)]
    if not changes:
        raise EditError(sentence)
    noun = _noun(set(split(sentence)), known)
    return (
        _compose(noun, [change.before for change in changes if change.before]),
        _compose(noun, [change.after for change in changes]),
    )


def unknown_edit_words(sentence: str) -> list[str]:
    """Words of a change that are not understood, in their order."""
    return list(dict.fromkeys(w for w in split(sentence) if w not in vocabulary() and w not in WORDS))


def _clauses(sentence: str) -> list[list[str]]:
    """Words of each wish; "remove the glasses and the hat" removes both, "add a beard and a hat" neither."""
    clauses: list[list[str]] = []
    for part in re.split(r"[,;.]| and | but | then ", sentence.lower()):
        words = split(part)
        if clauses and not set(words) & (REMOVING | ADDING) and words:
            words = [word for word in clauses[-1] if word in REMOVING] + words
        clauses.append(words)
    return clauses


def _noun(words: set[str], known: Known) -> str:
    sex = "male" if words & MALE else "female" if words & FEMALE else known.get("sex", "")
    return {"male": "man", "female": "woman"}.get(sex, "person")


def _compose(noun: str, traits: list[Trait]) -> str:
    of = lambda slot: list(dict.fromkeys(text for kind, text in traits if kind == slot))  # noqa: E731
    nouns = of("noun")
    who = " ".join([*of("adjective"), nouns[-1] if nouns else noun])
    parts = [f"{'an' if who[0] in 'aeiou' else 'a'} {who}"]
    if features := of("with"):
        parts.append("with " + " and ".join(_joined_hair(features)))
    if garments := of("wearing"):
        parts.append("wearing " + " and ".join(garments))
    return ", ".join([" ".join(parts), *of("tail")])


def _joined_hair(features: list[str]) -> list[str]:
    """ "short curly hair" and "red hair" as "short curly red hair", the way it is said."""
    hair = [text for text in features if text.endswith("hair") or text in STYLES.values()]
    colours = [text for text in hair if text.removesuffix(" hair") in COLOUR_PHRASES]
    styles = [text for text in hair if text not in colours and text != "a shaved head"]
    if not (colours and styles):
        return features
    colour, style = colours[0].removesuffix(" hair"), styles[0]
    joined = style.replace(" hair", f" {colour} hair") if style.endswith("hair") else (
        re.sub("^an? ", f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} ", style)
    )  # fmt: skip
    return [joined, *(text for text in features if text not in (colours[0], style))]
