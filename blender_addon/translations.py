# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel in other languages: whole texts by Blender's own mechanism, those with values in them by the phrasebook."""

import bpy

from .phrasebook import GAP, phrasebook, words_of

LANGUAGES = {"ko_KR": "ko", "zh_HANS": "zh", "zh_CN": "zh"}
"""Blender's name -> ours; that of Chinese was another one before Blender 4.0."""
OPERATORS = "Operator"
"""Blender looks names of operators up in a context of their own, labels of everything else without one."""


def translated(text: str) -> str:
    """The text in the user's language, where Blender shows its interface in it."""
    whole = bpy.app.translations.pgettext_iface(text)
    language = LANGUAGES.get(bpy.app.translations.locale, "")
    if whole != text or not language or not bpy.context.preferences.view.use_translate_interface:
        return whole
    return phrasebook(language).say(text)


def table() -> dict[str, dict[tuple[str, str], str]]:
    """Language -> (context, English) -> translation."""
    whole = {
        ours: {key: value for key, value in words_of(ours).items() if not GAP.search(key)} for ours in ("ko", "zh")
    }
    return {
        language: {(context, key): value for key, value in whole[ours].items() for context in ("*", OPERATORS)}
        for language, ours in LANGUAGES.items()
    }


def register() -> None:
    bpy.app.translations.register(__package__, table())


def unregister() -> None:
    bpy.app.translations.unregister(__package__)
