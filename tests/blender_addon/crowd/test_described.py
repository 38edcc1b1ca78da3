# SPDX-License-Identifier: GPL-3.0-or-later
from collections import Counter

import pytest

from blender_addon.crowd.described import Described, quotas
from blender_addon.crowd.gather import requests_of
from blender_addon.crowd.rules import SpecError, table_of
from blender_addon.crowd.spec import spec_of

WORDS = {"age": {"a young": 2, "an old": 1}, "who": {"woman": 1, "man": 1}, "hair": {"black": 3, "red": 1}}
PEOPLE = {"sentence": "{age} {who} with {hair} hair", "words": WORDS, "distinct": 24}


def test_shares_hold_to_the_person_and_attributes_mix() -> None:
    made = table_of(Described, PEOPLE).sentences(seed=0)
    assert len(made) == 24
    counts = Counter(word for sentence in made for word in sentence.split())
    assert (counts["young"], counts["old"], counts["woman"], counts["man"]) == (16, 8, 12, 12)
    assert (counts["black"], counts["red"]) == (18, 6)
    assert len(set(made)) > 5


def test_the_seed_decides_who_meets() -> None:
    people = table_of(Described, PEOPLE)
    assert people.sentences(1) == people.sentences(1) != people.sentences(2)
    assert sorted(each.split()[1] for each in people.sentences(1)) == sorted(
        each.split()[1] for each in people.sentences(2)
    )


@pytest.mark.parametrize(
    ("shares", "count", "given"),
    [((1, 1, 1), 2, [1, 1, 0]), ((0.1, 0.2, 0.7), 10, [1, 2, 7]), ((5,), 3, [3]), ((1, 0), 4, [4, 0])],
)
def test_parts_are_whole_and_near(shares: tuple[float, ...], count: int, given: list[int]) -> None:
    assert quotas(shares, count) == given


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sentence": "{age} {who}"}, "described.words.hair fills no gap"),
        ({"sentence": "{age} {who} {hair} {beard}"}, "described.words.beard is missing"),
        ({"sentence": "{age} {who} {hair} {"}, "brace that belongs to no gap"),
        ({"sentence": "{age.real} {who} {hair}"}, "brace that belongs to no gap"),
        ({"words": WORDS | {"age": {"old": 0}}}, "described.words.age must not be all 0"),
        ({"words": WORDS | {"age": {}}}, "an object with 1 to"),
        ({"words": WORDS | {"age": {"old": -1}}}, "age.old must be a number"),
        ({"distinct": 0}, "distinct must be a whole number"),
    ],
)
def test_every_mistake_is_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError) as caught:
        table_of(Described, PEOPLE | change)
    assert said in caught.value.message


def test_everyone_is_asked_for_by_a_sentence_of_his_own() -> None:
    spec = spec_of({"count": 50, "described": PEOPLE, "layout": {"kind": "grid"}, "seed": 3})
    asked = dict(requests_of(spec, {"sources": ["sentence"], "options": ["sentence"]}))
    assert len(asked) == 24 and asked["described[0]"].options["sentence"] == spec.sources[0]
    assert len({each.job_id for each in asked.values()}) == 24
    with pytest.raises(SpecError, match="sentences cannot be used"):
        next(requests_of(spec, {}))
