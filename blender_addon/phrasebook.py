# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says in another language: whole sentences first, then such with gaps, then part by part.

Numbers, names and paths stand in sentences that Blender's own tables, which know whole texts only, can never hold.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "words"
GAP = re.compile(r"\{\d\}")
SENTENCES = re.compile(r"(?<=[.!?]) ")
PARTS = ", "


class Phrasebook:
    """Translations by their English; {0}, {1} and so on in both are what differs."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words = dict(words)
        gapped = sorted((each for each in words if GAP.search(each)), key=_outspoken, reverse=True)
        self._patterns = [(_pattern(each), words[each]) for each in gapped]

    def say(self, english: str) -> str:
        """The text as far as it is known; what is not known stays English."""
        if english in self._words:
            return self._words[english]
        # Known parts come before gaps: "Sculpting, 20 s left" is no "{0} s left".
        if said := self._in_parts(english, all):
            return said
        for pattern, translation in self._patterns:
            if found := pattern.fullmatch(english):
                return translation.format(*(self.say(each) for each in found.groups()))
        for other, back in _otherwise(english):
            if (said := self.say(other)) != other:
                return said + back
        return self._in_parts(english, any) or english

    def _in_parts(self, english: str, enough: Callable[[Iterable[bool]], bool]) -> str:
        """Sentence by sentence, or what stands between commas, if all or any of it is known; else empty."""
        for parts, glue in ((SENTENCES.split(english), " "), (english.split(PARTS), PARTS)):
            if len(parts) > 1:
                said = [self.say(each) for each in parts]
                if enough(one != other for one, other in zip(said, parts, strict=True)):
                    return glue.join(said)
        return ""


def words_of(language: str) -> dict[str, str]:
    """English -> translation, of "ko" or "zh"."""
    found: dict[str, str] = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return found


@lru_cache
def phrasebook(language: str) -> Phrasebook:
    """Of "ko" or "zh"."""
    return Phrasebook(words_of(language))


def _otherwise(english: str) -> Iterator[tuple[str, str]]:
    """The text as it is written where it does not begin or end a sentence, and what is then to be added."""
    if english.endswith("."):
        yield english[:-1], "."
    if english[:1].isupper() and english[1:2].islower():
        yield english[:1].lower() + english[1:], ""


def _outspoken(english: str) -> int:
    """How much of it is no gap: of two patterns that fit, the one with more to say is meant."""
    return len(GAP.sub("", english))


def _pattern(english: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(map(re.escape, GAP.split(english))), re.DOTALL)
