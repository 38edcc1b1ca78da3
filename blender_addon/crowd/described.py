# SPDX-License-Identifier: GPL-3.0-or-later
"""Distinct people from a distribution of attributes: a sentence with gaps, and how often each word fills each gap.

    {"sentence": "{age} {who} with {hair} hair", "distinct": 24,
     "words": {"age": {"a young": 2, "an old": 1}, "who": {"woman": 1, "man": 1}, "hair": {"black": 3, "red": 1}}}

Shares are kept to within one person, not drawn: of 24 people 16 are young, 12 women, 6 red-haired. Which of these meet
in one person is chance, by the crowd's seed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .rules import Line, Named, Real, SpecError, Whole, key

GAP = re.compile(r"\{([a-z][a-z0-9_]*)\}")
MOST_WORDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """Who they are."""

    sentence: str = key(Line(500), meaning="A description with gaps: {age} is filled from words.age.")
    words: Mapping[str, Mapping[str, float]] = key(
        Named(Named(Real(0, 1e6), MOST_WORDS), 20), meaning="For each gap the words that fill it, each with its share."
    )
    distinct: int = key(Whole(1, 10_000), meaning="How many different people; each gap's shares hold among them.")

    def __post_init__(self) -> None:
        gaps = set(GAP.findall(self.sentence))
        if re.search(r"[{}]", GAP.sub("", self.sentence)):
            raise SpecError("described.sentence has a brace that belongs to no gap", "A gap is a small word in braces.")
        if missing := sorted(gaps - set(self.words)):
            raise SpecError(f"described.words.{missing[0]} is missing", "Each gap of the sentence needs its words.")
        if unused := sorted(set(self.words) - gaps):
            hint = "Write it into the sentence, in braces, or leave it out."
            raise SpecError(f"described.words.{unused[0]} fills no gap", hint)
        for name, shares in self.words.items():
            if not sum(shares.values()):
                raise SpecError(f"described.words.{name} must not be all 0")

    def sentences(self, seed: int) -> tuple[str, ...]:
        """One for each distinct person; the same for the same seed."""
        people: list[dict[str, str]] = [{} for _ in range(self.distinct)]
        for number, name in enumerate(sorted(self.words)):
            parts = quotas(tuple(self.words[name].values()), self.distinct)
            chosen = [word for word, part in zip(self.words[name], parts, strict=True) for _ in range(part)]
            order = np.random.default_rng([seed, number]).permutation(self.distinct)
            for person, place in zip(people, order, strict=True):
                person[name] = chosen[place]
        return tuple(self._filled(person) for person in people)

    def _filled(self, person: Mapping[str, str]) -> str:
        return GAP.sub(lambda gap: person[gap[1]], self.sentence)


def quotas(shares: tuple[float, ...], count: int) -> list[int]:
    """Whole numbers of this sum, each within one of its exact part: largest remainders (Hamilton's method)."""
    exact = np.array(shares, float) / sum(shares) * count
    given = np.floor(exact + 1e-9).astype(int)
    rest = np.argsort(-(exact - given), kind="stable")[: count - given.sum()]
    given[rest] += 1
    return [int(each) for each in given]
