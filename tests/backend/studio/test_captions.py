# SPDX-License-Identifier: GPL-3.0-or-later
import re

import numpy as np

from backend.models.text_encoder import unknown_words
from backend.studio.captions import describe, paraphrase
from tests.records import person, record

MALE, FEMALE = r"\b(man|male|boy|guy|gentleman|grandfather|he|his)\b", r"\b(woman|female|girl|lady|she|her)\b"


def many(count: int = 400, **changes: object) -> list[str]:
    random = np.random.default_rng(0)
    return [paraphrase(record(0, **changes), random) for _ in range(count)]


def test_the_plain_caption_tells_everything() -> None:
    man = person(0, male=True, years=70.0, tone=0.1, hair="short02", hair_colour="grey", eye_colour="green",
                 weight=0.5, sliders={}, beard="full", glasses="round", hat=None, expression="smile")  # fmt: skip
    told = describe(man)
    assert told == ("an elderly man with fair skin, short curly grey hair and green eyes, a full beard and round "
                    "glasses, smiling")  # fmt: skip


def test_paraphrases_are_many_and_short_ones_are_among_them() -> None:
    said = many(male=True, hair="short02", hair_colour="red", beard="full", glasses="round")
    assert len(set(said)) > 350
    lengths = np.array([len(sentence.split()) for sentence in said])
    assert (lengths <= 5).mean() > 0.12 and (lengths >= 15).mean() > 0.15


def test_paraphrases_never_tell_the_wrong_sex() -> None:
    assert not any(re.search(FEMALE, sentence) for sentence in many(male=True))
    assert not any(re.search(MALE, sentence) for sentence in many(male=False, beard=None))


def test_what_is_absent_is_only_said_to_be_absent() -> None:
    said = many(male=True, glasses=None, beard=None, hat=None, hair="short04", hair_colour="black", weight=0.5)
    for word in ("glasses", "beard", "hat"):
        named = [sentence for sentence in said if re.search(rf"\b{word}\b", sentence)]
        assert named and all(re.search(rf"\b(no|without a|without) {word}\b", sentence) for sentence in named)


def test_the_encoder_knows_every_word() -> None:
    random = np.random.default_rng(1)
    for seed in range(300):
        known = record(seed)
        assert not unknown_words(paraphrase(known, random)) and not unknown_words(str(known["caption"]))


def test_the_same_draw_gives_the_same_sentence() -> None:
    first, second = (paraphrase(record(3), np.random.default_rng(5)) for _ in range(2))
    assert first == second
