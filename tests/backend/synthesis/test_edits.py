# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.models.text_encoder import unknown_words
from backend.synthesis.edits import EditError, edit_sentences, unknown_edit_words


@pytest.mark.parametrize(
    ("sentence", "before", "after"),
    [
        ("add a beard", "a person, clean-shaven", "a person with a full beard"),
        ("make her older", "a young woman", "an elderly woman"),
        ("red hair", "a person", "a person with red hair"),
        ("remove the glasses", "a person wearing round glasses", "a person, without glasses"),
        ("longer hair", "a person with short hair", "a person with long hair"),
        ("Give him long black hair and a goatee!", "a man with short hair, clean-shaven",
         "a man with long black hair and a goatee"),
        ("a red ponytail", "a person", "a person with a red ponytail"),
        ("make him look 60 years old", "a man", "a man, 60 years old"),
        ("stop smiling", "a person, smiling", "a person, neutral expression"),
    ],
)  # fmt: skip
def test_changes_become_two_descriptions(sentence: str, before: str, after: str) -> None:
    assert edit_sentences(sentence) == (before, after)


def test_what_the_avatar_is_like_sharpens_the_step() -> None:
    known = {"sex": "female", "hair colour": "black", "skin": "fair", "age": "middle-aged"}
    assert edit_sentences("red hair", known) == ("a woman with black hair", "a woman with red hair")
    assert edit_sentences("darker skin", known) == ("a woman with fair skin", "a woman with brown skin")
    assert edit_sentences("older", known) == ("a middle-aged woman", "an elderly woman")
    assert edit_sentences("black hair", known) == ("a woman", "a woman with black hair")


def test_removing_lasts_until_something_is_added() -> None:
    before, after = edit_sentences("remove the glasses and the hat")
    assert "round glasses" in before and "a hat" in before and after == "a person, without glasses, without a hat"
    assert edit_sentences("remove the glasses and add a hat")[1] == "a person wearing a hat, without glasses"


def test_opposite_wishes_are_opposite_steps() -> None:
    assert edit_sentences("add glasses") == edit_sentences("remove the glasses")[::-1]
    assert edit_sentences("make her fatter") == edit_sentences("make her slimmer")[::-1]


def test_descriptions_are_in_the_words_of_the_encoder() -> None:
    for sentence in ("darker hair", "a bob with bangs", "more masculine", "fuller lips", "tan skin", "a wider nose",
                     "put on a hat", "shave his head", "looks tired", "grow a mustache"):  # fmt: skip
        for described in edit_sentences(sentence):
            assert not unknown_words(described)


def test_nonsense_is_refused_and_its_words_are_named() -> None:
    with pytest.raises(EditError) as refused:
        edit_sentences("make it zorblax")
    assert "zorblax" in refused.value.message and "red hair" in refused.value.hint
    assert unknown_edit_words("please make his hair zorblax, longer and darker") == ["zorblax"]
