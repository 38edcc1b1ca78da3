# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.studio.look_captions import caption, person_words
from backend.studio.looks import EDITS, LOOKS

RECORD = {
    "male": True, "years": 70.0, "hair": "short01", "hair_colour": "grey", "beard": "full", "glasses": "round",
    "hat": False, "hat_colour": (0.1, 0.1, 0.1), "tone": 0.1, "weight": 0.5, "muscle": 0.5, "expression": "neutral",
    "ethnic": {"caucasian": 1.0, "african": 0.0, "asian": 0.0}, "eye_colour": "blue", "sliders": {}, "top": None,
    "top_plain": False, "top_colour": (0.5, 0.5, 0.5),
}  # fmt: skip


def _many(look: str, count: int = 60, edit: tuple[str, str] | None = None, azimuth: float = 0.0) -> list[str]:
    random = np.random.default_rng(0)
    return [caption(RECORD, look, random, edit, azimuth) for _ in range(count)]


def test_every_look_is_called_by_one_of_its_words_in_many_sentences() -> None:
    for look in LOOKS[1:]:
        said = _many(look.name)
        words = [*look.words, "wooden", "golden"]
        assert all(any(word in each for word in words) for each in said), look.name
        assert len(set(said)) > 25
        assert sum(look.words[0] in each or look.words[0][:4] in each for each in said) > 20


def test_edits_say_their_colour_and_never_the_hair_that_is_gone() -> None:
    for part, colours in EDITS.items():
        for each in _many("photograph", 40, (part, colours[0])):
            assert colours[0] in each or (colours[0] == "blond" and "blonde" in each)
            assert part != "hair" or "grey hair" not in each


def test_people_are_described_truly() -> None:
    random = np.random.default_rng(1)
    full = [person_words(RECORD, random, 1.0) for _ in range(40)]
    assert any("glasses" in each for each in full) and any("beard" in each for each in full)
    assert not any("woman" in each or "girl" in each or "a hat" in each for each in full)


def test_views_from_behind_are_called_so_now_and_then() -> None:
    behind = _many("bronze", 100, azimuth=3.0)
    assert any("behind" in each or "back" in each for each in behind)
    assert not any("front" in each or "profile" in each for each in behind)


def test_articles_fit() -> None:
    for each in _many("ice", 100) + _many("alien", 100):
        assert " a a" not in f" {each}" and " a i" not in f" {each}" and " an m" not in f" {each}"
