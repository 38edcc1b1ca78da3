# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of other languages reach the panel, whole and for everything that is said."""

import pytest

bpy = pytest.importorskip("bpy")

import blender_addon  # noqa: E402
from blender_addon import translations  # noqa: E402
from blender_addon.phrasebook import FOLDER, words_of  # noqa: E402
from tests.blender import said  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("addon")]
LANGUAGES = [each.stem for each in sorted(FOLDER.glob("*.json"))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_a_user_may_read_is_translated(language):
    assert sorted(said.all_texts() - words_of(language).keys()) == []


def test_what_is_looked_for_is_what_blender_shows():
    texts = said.all_texts()
    assert {"Generate Avatar", "Draft", "Free memory after (min)", "Say what to change first", "{0} s left"} <= texts
    assert "Choose the photograph: one face, seen from the front" in texts  # the tooltip of a button
    assert "No backend runs here: {0} does not exist." in texts  # an error
    assert not any("Raises" in each or "`pump`" in each for each in texts)  # nobody's documentation


def test_both_languages_have_the_same_words():
    assert words_of("ko").keys() == words_of("zh").keys()


def test_the_addon_hands_them_to_blender_and_takes_them_back(monkeypatch):
    """The bpy module is built without languages: whether Blender was told is all there is to see here."""
    told = []

    def noting(name):
        plain = getattr(translations, name)
        monkeypatch.setattr(translations, name, lambda: (told.append(name), plain()))

    noting("register")
    noting("unregister")
    blender_addon.unregister()
    blender_addon.register()
    assert told == ["unregister", "register"]
    for language in translations.table():
        assert translations.table()[language]["Operator", "Generate Avatar"]


def test_a_panel_speaks_the_language_of_blender():
    view = bpy.context.preferences.view
    languages = view.bl_rna.properties["language"].enum_items.keys()
    if "ko_KR" not in languages:
        pytest.skip("this build of Blender has no other languages")
    before = view.language
    try:
        view.language, view.use_translate_interface = "ko_KR", True
        assert translations.translated("Sculpting, 20 s left") == "형태를 빚는 중, 20초 남음"
        assert bpy.app.translations.pgettext_iface("Generate Avatar", "Operator") == "아바타 생성"
        assert translations.translated("Generate Avatar") == "아바타 생성"
        view.use_translate_interface = False
        assert translations.translated("Sculpting, 20 s left") == "Sculpting, 20 s left"
    finally:
        view.language = before
    assert translations.translated("Sculpting, 20 s left") == "Sculpting, 20 s left"
