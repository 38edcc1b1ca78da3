# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from blender_addon.phrasebook import FOLDER, GAP, Phrasebook, phrasebook, words_of

WORDS = {
    "Done": "Fertig",
    "sculpting": "Formen",
    "{0} s left": "noch {0} s",
    "person {0} of {1}": "{1} Leute, der {0}.",
    "person {0} of {1}: {2}": "{1} Leute, der {0}.: {2}",
    "there is no curve {0}": "es gibt keine Kurve {0}",
    "Its log is {0}.": "Das Protokoll ist {0}.",
}
LANGUAGES = [each.stem for each in sorted(FOLDER.glob("*.json"))]


@pytest.mark.parametrize(
    ("english", "said"),
    [
        ("Done", "Fertig"),
        ("20 s left", "noch 20 s"),
        ("Sculpting, 20 s left", "Formen, noch 20 s"),
        ("Person 2 of 24: sculpting", "24 Leute, der 2.: Formen"),
        ("There is no curve Path.", "es gibt keine Kurve Path."),
        ("Its log is /tmp/a.log. Done", "Das Protokoll ist /tmp/a.log. Fertig"),
        ("What nobody translated, and never will", "What nobody translated, and never will"),
        ("", ""),
    ],
)
def test_texts_are_said_whole_with_gaps_or_in_parts(english, said):
    assert Phrasebook(WORDS).say(english) == said


def test_values_are_taken_as_they_are():
    assert Phrasebook(WORDS).say("there is no curve {0} (.*)") == "es gibt keine Kurve {0} (.*)"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_gaps_of_its_english(language):
    assert LANGUAGES == ["ko", "zh"]
    for english, said in words_of(language).items():
        assert len(GAP.findall(english)) == len(GAP.findall(said)), english
        assert said.strip()


def test_a_stored_sentence_with_a_path_is_found():
    said = phrasebook("ko").say("No backend runs here: /home/a/connection.json does not exist.")
    assert said == "여기서 실행 중인 백엔드가 없습니다: /home/a/connection.json이(가) 없습니다."
