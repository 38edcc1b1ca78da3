# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles, generators that a sentence changed: what a backend tells of them, and the request for a new one."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .protocol import MAX_SEED, JobRequest, Welcome
from .requests import fit_label, generators

KEEPS = ("people", "rest")
"""What a style keeps: see `backend.pipeline.adapt_request`."""
MAX_SENTENCE = 400
MAX_NAME = 40
NAME = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{MAX_NAME - 1}}}")
TOO_OLD = "This backend is too old to make styles; update it."
NOTHING_TO_CHANGE = "This backend has no generator that a sentence could change; train or convert one."


@dataclass(frozen=True, slots=True)
class Style:
    """One style of a backend."""

    name: str
    """It is a generator of this name."""
    sentence: str
    model: str
    """The generator that was changed."""
    keep: str
    created: str
    """ISO 8601; empty where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleWish:
    """The next style, as the panel's settings say."""

    sentence: str
    """What all people of the generator become."""
    name: str = ""
    """After the sentence unless given."""
    model: str = ""
    """The generator that is changed; the backend's choice unless given."""
    keep: str = "people"
    steps: int = 0
    """0: as many as the backend finds right."""
    seed: int = 0
    preset: str = "standard"
    """Of the first head."""


def styles(welcome: Welcome | None) -> list[Style]:
    """The backend's styles in its order, newest first; none where it does not tell."""
    told = welcome.capabilities.get("styles", {}) if welcome else {}
    if not isinstance(told, Mapping):
        return []
    known = {name: each for name, each in told.items() if isinstance(each, Mapping)}
    return [
        Style(name, *(str(each.get(key, "")) for key in ("prompt", "model", "keep", "created")))
        for name, each in known.items()
    ]


def adaptable(welcome: Welcome | None) -> list[str]:
    """The backend's generators that a sentence can change, the usual one first."""
    named = welcome.capabilities.get("adaptable", []) if welcome else []
    return [each for each in named if isinstance(each, str)] if isinstance(named, list) else []


def why_no_style(ready: bool, welcome: Welcome | None, wish: StyleWish) -> str:
    """Why no style can be made now, or an empty text."""
    if not ready or welcome is None:
        return "Start or connect to a backend first"
    if "adapt" not in welcome.capabilities.get("kinds", ()):
        return TOO_OLD
    if not adaptable(welcome):
        return NOTHING_TO_CHANGE
    if not wish.sentence.strip():
        return "Say what people shall become first"
    return _unfit(wish, welcome)


def style_request(wish: StyleWish, welcome: Welcome | None = None, label: str | None = None) -> JobRequest | str:
    """The request for a style with a new id, or a sentence for the user."""
    if problem := why_no_style(True, welcome, wish) if welcome is not None else _unfit(wish, None):
        return problem
    options: dict[str, Any] = {
        "sentence": wish.sentence.strip(), "name": wish.name or free_name(wish.sentence, welcome), "keep": wish.keep,
    }  # fmt: skip
    options |= {"synthesizer": wish.model} if wish.model else {}
    options |= {"steps": wish.steps} if wish.steps else {}
    return JobRequest(
        job_id=uuid.uuid4().hex,
        kind="adapt",
        preset=wish.preset,
        seed=wish.seed,
        options=options,
        label=fit_label(label) if label else None,
    )


def free_name(sentence: str, welcome: Welcome | None) -> str:
    """A name after the sentence that no generator of the backend has: "A marble statue!" -> "a-marble-statue"."""
    taken = {*generators(welcome), *(each.name for each in styles(welcome))}
    word = re.sub(r"[^a-z0-9]+", "-", sentence.lower()).strip("-")[: MAX_NAME - 4].strip("-") or "style"
    numbered = (word if number == 1 else f"{word}-{number}" for number in range(1, len(taken) + 2))
    return next(each for each in numbered if each not in taken)


def _unfit(wish: StyleWish, welcome: Welcome | None) -> str:
    """What is wrong with the wish, or an empty text."""
    sentence = wish.sentence.strip()
    if not 0 < len(sentence) <= MAX_SENTENCE or not sentence.isprintable():
        return f"The sentence must be one line of 1 to {MAX_SENTENCE} characters."
    if wish.name and not NAME.fullmatch(wish.name):
        return f"A style's name is made of up to {MAX_NAME} small letters, digits and hyphens."
    if wish.name and (wish.name in generators(welcome) or wish.name in {each.name for each in styles(welcome)}):
        return f"There is a generator called {wish.name} already; choose another name."
    if wish.keep not in KEEPS:
        return f"A style keeps {' or '.join(KEEPS)}, got {wish.keep!r}."
    if not 0 <= wish.seed <= MAX_SEED or wish.steps < 0:
        return "Seed and steps must not be negative."
    if welcome is not None and wish.model and wish.model not in adaptable(welcome):
        return f"The generator {wish.model} cannot be changed by a sentence; choose {' or '.join(adaptable(welcome))}."
    return ""
