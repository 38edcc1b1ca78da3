# SPDX-License-Identifier: GPL-3.0-or-later
from backend.studio.attributes import CLASSES, UNKNOWN, band, labels
from tests.records import record


def named(**changes: object) -> dict[str, str]:
    return {name: CLASSES[name][label] for name, label in labels(record(0, **changes)).items() if label != UNKNOWN}


def test_classes_say_what_the_record_says() -> None:
    told = named(male=True, years=60.0, tone=0.1, hair="ponytail01", hair_colour="red", beard="goatee", glasses="oval",
                 hat=None, weight=0.9, eye_colour="ice", expression="sad")  # fmt: skip
    assert told == {"sex": "male", "age": "elderly", "skin": "fair", "hair colour": "red", "hair length": "long",
                    "hair style": "ponytail01", "eyes": "pale blue", "beard": "goatee", "glasses": "oval",
                    "hat": "none", "expression": "sad", "build": "heavy"}  # fmt: skip


def test_shaved_hair_has_no_colour() -> None:
    told = named(hair=None)
    assert told["hair length"] == "shaved" and told["hair style"] == "none" and "hair colour" not in told


def test_styles_and_eyes_of_other_packs_are_not_guessed() -> None:
    told = labels(record(0, hair="mohawk", eye_colour="violet"))
    assert told["hair style"] == UNKNOWN and told["eyes"] == UNKNOWN


def test_bands_start_at_their_limits() -> None:
    assert [band(value, (1.0, 2.0)) for value in (0.9, 1.0, 1.9, 2.0)] == [0, 1, 1, 2]
