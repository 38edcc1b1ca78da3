# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.studio import phrases
from backend.studio.parameters import EXPRESSIONS, EYE_COLOURS, HAIR_COLOURS, HAIR_STYLES
from tests.records import record


@pytest.mark.parametrize(
    ("linear", "word"),
    [((0.01, 0.01, 0.01), "black"), ((0.9, 0.9, 0.88), "white"), ((0.2, 0.2, 0.2), "grey"),
     ((0.8, 0.02, 0.02), "red"), ((0.02, 0.02, 0.8), "blue"), ((0.02, 0.1, 0.02), "dark green"),
     ((0.2, 0.1, 0.02), "brown")],
)  # fmt: skip
def test_colours_have_plain_names(linear: tuple[float, float, float], word: str) -> None:
    assert phrases.colour_name(linear) == word


def test_every_choice_of_the_sampler_has_words() -> None:
    assert set(HAIR_COLOURS) == set(phrases.COLOUR_WORDS) and set(HAIR_STYLES) == set(phrases.STYLE_WORDS)
    assert set(EXPRESSIONS) == set(phrases.EXPRESSION_WORDS)
    assert all(phrases.eyes(record(0, eye_colour=colour)) for colour in EYE_COLOURS)


def test_hair_phrases_name_what_they_are_asked_for() -> None:
    random = np.random.default_rng(0)
    person = record(0, hair="long01", hair_colour="red")
    colours = {phrases.hairs(person, random, "colour") for _ in range(50)}
    styles = {phrases.hairs(person, random, "style") for _ in range(50)}
    assert "red hair" in colours and not any("long" in phrase for phrase in colours)
    assert "long straight hair" in styles and not any(word in " ".join(styles) for word in ("red", "ginger"))
    assert phrases.hairs(record(0, hair=None), random, "both") in phrases.BALD


def test_articles_agree_with_what_follows() -> None:
    assert phrases.article("a auburn bob") == "an auburn bob" and phrases.article("a red bob") == "a red bob"


def test_ages_rise_with_years() -> None:
    assert [phrases.ages(record(0, years=years))[0] for years in (17.0, 25.0, 40.0, 70.0)] == [
        "teenage", "young", "middle-aged", "elderly",
    ]  # fmt: skip
