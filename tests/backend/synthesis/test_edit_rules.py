# SPDX-License-Identifier: GPL-3.0-or-later
from backend.studio import attributes
from backend.studio.parameters import HAIR_COLOURS as STUDIO_COLOURS
from backend.synthesis import edit_rules
from backend.synthesis.edit_rules import RULES, Change


def changes(sentence: str, **known: str) -> list[Change]:
    return [change for rule in RULES for change in rule(sentence.split(), known)]


def test_classes_are_the_studio_s() -> None:
    assert edit_rules.AGES == attributes.AGES and edit_rules.TONES == attributes.TONES
    assert set(STUDIO_COLOURS).issuperset({*edit_rules.SHADES, *edit_rules.COLOUR_PHRASES})


def test_a_colour_belongs_to_the_noun_after_it() -> None:
    assert [change.after for change in changes("brown hair green eyes")] == [
        ("with", "brown hair"), ("with", "green eyes"),
    ]  # fmt: skip
    assert [change.after for change in changes("green eyes black hair")] == [
        ("with", "black hair"), ("with", "green eyes"),
    ]  # fmt: skip


def test_shades_stay_within_what_hair_can_be() -> None:
    for shade in edit_rules.SHADES:
        for word in ("darker", "lighter"):
            after = changes(f"{word} hair", **{"hair colour": shade})[0].after[1]
            assert after.removesuffix(" hair") in edit_rules.SHADES


def test_tones_move_two_steps_and_stop_at_the_ends() -> None:
    tones = edit_rules.TONES
    darker = [changes("darker skin", skin=tone)[0].after[1] for tone in tones]
    assert darker == [f"{tone} skin" for tone in (tones[2], tones[3], tones[4], tones[4], tones[4])]


def test_other_nouns_do_not_fall_to_hair_or_build() -> None:
    assert [change.after for change in changes("a thinner nose")] == [("with", "a narrow nose")]
    assert changes("nothing at all") == []
