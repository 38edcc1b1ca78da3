# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user set -> a JobRequest, or one sentence that says what to change."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .protocol import MAX_HEAD_BYTES, MAX_PORTRAIT_BYTES, MAX_SEED, JobRequest, Welcome

IMAGE_STARTS = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF",
    b"BM",
    b"II*\x00",
    b"MM\x00*",
    b"GIF8",
    b"\x00\x00\x00",
)
"""JPEG, PNG, WebP, BMP, TIFF twice, GIF, HEIF and AVIF: a text file or an archive never gets on its way."""


SOURCES = ("PORTRAIT", "SENTENCE", "SEED", "MIX")
"""What an avatar can come from."""
MIXED = ("portrait", "sentence", "seed")
"""What can be mixed, as the backend calls it."""
OLDEST = ("portrait", "seed")
"""What a backend that does not tell its sources makes people from."""
MAX_SENTENCE = 500
USUAL_FACES, FEWEST_FACES = 20_000, 60
"""Of an avatar whose backend does not tell, and of a level of detail."""
INVERT_STEPS = 100
"""Of fitting an avatar to its photograph, where the user wants that."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The next avatar, as the panel's settings say."""

    source: str
    """One of `SOURCES`."""
    portrait: str
    """Absolute path of an image file."""
    seed: int
    preset: str
    sentence: str = ""
    """What the person is like."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """How much each of `MIXED` counts in a mix; 0, or no entry, leaves it out."""
    refine: bool = False
    """Whether the avatar is fitted to its photograph."""
    levels: bool = False
    """Whether coarser levels of detail come with it."""
    synthesizer: str = ""
    """The backend's generator of this name; its own where there is none."""
    imagine: bool = False
    """Whether a sentence alone may say what no person looks like: a generator is bent to it for this one head."""

    @property
    def imagined(self) -> bool:
        """Whether it is made that way; photographs and mixes are of people."""
        return self.imagine and self.source in ("SENTENCE", "SEED")

    @property
    def uses(self) -> tuple[str, ...]:
        """Which of `MIXED` it is made from."""
        if self.source != "MIX":
            return (self.source.lower(),)
        return tuple(name for name in MIXED if self.weights.get(name, 0.0) > 0)


def job_request(
    wanted: Wanted,
    welcome: Welcome | None = None,
    options: Mapping[str, Any] | None = None,
    job_id: str = "",
    label: str | None = None,
) -> JobRequest | str:
    """The request with a new id, or a sentence for the user. `welcome` tells what this backend can do."""
    if wanted.source not in SOURCES:
        return f"An avatar comes from a PORTRAIT, a SENTENCE, a SEED or a MIX, got {wanted.source!r}."
    if problem := _unfit_preset(wanted.preset, welcome):
        return problem
    if not 0 <= wanted.seed <= MAX_SEED:
        return f"The seed must be from 0 to {MAX_SEED}, got {wanted.seed}."
    if not wanted.uses:
        return "Nothing is in the mix: give portrait, sentence or seed a weight."
    asked = dict(options or {})
    if problem := _add_sentence(wanted, welcome, asked):
        return problem
    if problem := _unfit_imagination(wanted, welcome, asked) or _add_synthesizer(wanted, welcome, asked):
        return problem
    if wanted.levels:
        if welcome is not None and "levels" not in welcome.capabilities.get("options", ()):
            return "This backend makes no levels of detail; update it, or switch them off."
        asked.setdefault("levels", levels_of(wanted.preset, welcome))
    portrait: bytes | None = None
    if "portrait" in wanted.uses:
        found = _portrait(wanted.portrait, _portrait_limit(welcome))
        if isinstance(found, str):
            return found
        portrait = found
        if wanted.refine:
            if welcome is not None and "invert" not in welcome.capabilities.get("options", ()):
                return "This backend cannot fit avatars to photographs; update it, or switch the refinement off."
            asked["invert"] = INVERT_STEPS
    return JobRequest(
        job_id=job_id or uuid.uuid4().hex,
        kind="imagine" if wanted.imagined else "avatar",
        preset=wanted.preset,
        seed=wanted.seed,
        portrait=portrait,
        options=asked,
        label=fit_label(label) if label else None,
    )


def levels_of(preset: str, welcome: Welcome | None) -> list[int]:
    """Face counts of the coarser levels: a quarter of the one before, three times."""
    numbers = welcome.capabilities.get("preset_numbers", {}).get(preset, {}) if welcome else {}
    faces = numbers.get("faces") if isinstance(numbers, Mapping) else None
    finest = faces if isinstance(faces, int) else USUAL_FACES
    return [max(finest // 4**level, FEWEST_FACES) for level in (1, 2, 3)]


def change_request(
    kind: str,
    sources: Sequence[str],
    preset: str,
    welcome: Welcome | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    label: str | None = None,
) -> JobRequest | str:
    """The request for an "edit" or "blend" of avatars that exist, or a sentence for the user."""
    if welcome is not None and kind not in welcome.capabilities.get("kinds", ()):
        return "This backend is too old to change avatars; update it."
    if problem := _unfit_preset(preset, welcome):
        return problem
    if not all(sources):
        return "This avatar does not tell what it could be changed from; generate it again."
    sentence = (options or {}).get("sentence", "")
    if kind == "edit" and (problem := _unfit_sentence(sentence, "Say what to change: add a beard, make her older.")):
        return problem
    return JobRequest(
        job_id=uuid.uuid4().hex,
        kind=kind,
        preset=preset,
        seed=seed,
        options=dict(options or {}),
        label=fit_label(label) if label else None,
        sources="\n".join(sources).encode(),
    )


def refine_request(
    arrays: Mapping[str, Any],
    options: Mapping[str, Any],
    portrait: str = "",
    seed: int = 0,
    welcome: Welcome | None = None,
    label: str | None = None,
) -> JobRequest | str:
    """The request to refine a head that is there, or a sentence for the user; `portrait` is a path or empty."""
    if welcome is not None and "refine" not in welcome.capabilities.get("kinds", ()):
        return "This backend is too old to refine heads; update it."
    for name in ("prompt", "negative"):
        said = options.get(name, "")
        if len(said) > MAX_SENTENCE or not said.isprintable():
            return f"The {name} must be one line of at most {MAX_SENTENCE} characters."
    content: bytes | None = None
    if portrait:
        found = _portrait(portrait, _portrait_limit(welcome))
        if isinstance(found, str):
            return found
        content = found
    elif options.get("refiner") == "reproject":
        return "Choose a portrait first: reproject lays its pixels onto the head."
    if (size := sum(each.nbytes for each in arrays.values())) > MAX_HEAD_BYTES:
        return (
            f"The head and its pictures have {size >> 20} MiB and may have {MAX_HEAD_BYTES >> 20}; make them smaller."
        )
    return JobRequest(
        job_id=uuid.uuid4().hex,
        kind="refine",
        seed=seed,
        portrait=content,
        options=dict(options),
        label=fit_label(label) if label else None,
        **arrays,
    )


def can_make(welcome: Welcome | None, name: str) -> bool:
    """Whether the backend makes people from that one of `MIXED`."""
    return name in ((welcome.capabilities.get("sources") if welcome else None) or OLDEST)


def generators(welcome: Welcome | None) -> dict[str, tuple[str, ...]]:
    """The backend's generators by name, with what each makes people from; none where it does not tell."""
    named = welcome.capabilities.get("synthesizers", []) if welcome else []
    told = welcome.capabilities.get("synthesizer_inputs", {}) if welcome else {}
    if not isinstance(named, list) or not isinstance(told, Mapping):
        return {}
    inputs = {name: told.get(name) for name in named if isinstance(name, str)}
    return {name: tuple(map(str, each)) for name, each in inputs.items() if isinstance(each, list)}


def fit_label(text: str) -> str:
    """The text as a label may be: one line, at most 64 characters, nothing that does not survive UTF-8."""
    plain = text.encode("utf-8", "ignore").decode()
    return "".join(each for each in plain if each.isprintable())[:64]


def _unfit_preset(preset: str, welcome: Welcome | None) -> str:
    presets = (welcome.capabilities.get("presets") if welcome else None) or [preset]
    if preset in presets:
        return ""
    return f"This backend has no preset {preset!r}; choose one of {', '.join(map(str, presets))}."


def _unfit_sentence(sentence: str, advice: str) -> str:
    if not sentence.strip():
        return advice
    if len(sentence) > MAX_SENTENCE or not sentence.isprintable():
        return f"The sentence must be one line of at most {MAX_SENTENCE} characters."
    return ""


def _add_sentence(wanted: Wanted, welcome: Welcome | None, asked: dict[str, Any]) -> str:
    """Puts sentence and weights among the options; returns what is wrong with them."""
    if "sentence" in wanted.uses:
        if problem := _unfit_sentence(wanted.sentence, "Describe the person first, or choose another source."):
            return problem
        if welcome is not None and not wanted.imagined and not can_make(welcome, "sentence"):
            return "This backend makes nobody from sentences; update it, or use a portrait or a seed."
        asked["sentence"] = wanted.sentence.strip()
    if wanted.source == "MIX":
        if welcome is not None and "weights" not in welcome.capabilities.get("options", ()):
            return "This backend cannot mix; update it, or choose one of portrait and seed."
        asked["weights"] = {name: round(float(wanted.weights[name]), 4) for name in wanted.uses}
    return ""


def _portrait_limit(welcome: Welcome | None) -> int:
    limit = int(welcome.limits.get("portrait_bytes", MAX_PORTRAIT_BYTES)) if welcome else MAX_PORTRAIT_BYTES
    return min(limit, MAX_PORTRAIT_BYTES)


def unfit_generator(name: str, uses: Sequence[str], welcome: Welcome | None) -> str:
    """Why the generator of this name cannot make people from all of `uses`, or an empty text."""
    known = generators(welcome)
    if not name or welcome is None:
        return ""
    if name not in known:
        return f"This backend has no generator {name!r}; choose another, or none for its own."
    if missing := [each for each in uses if each not in known[name]]:
        possible = " or ".join(f"a {each}" for each in known[name])
        return f"The generator {name} makes people from {possible}, not from a {missing[0]}."
    return ""


def unfit_imagination(name: str, welcome: Welcome | None) -> str:
    """Why no head can be imagined by the generator of this name ("": the backend's choice), or an empty text."""
    if welcome is None:
        return ""
    if "imagine" not in welcome.capabilities.get("kinds", ()):
        return "This backend is too old for that; update it, or describe a person."
    able = welcome.capabilities.get("adaptable") or []
    if not able:
        return "This backend has no generator that can be bent to a sentence; train or convert one."
    if name and name not in able:
        return f"The generator {name} cannot be bent to a sentence; choose {' or '.join(map(str, able))}."
    return ""


def _unfit_imagination(wanted: Wanted, welcome: Welcome | None, asked: Mapping[str, Any]) -> str:
    if not wanted.imagined:
        return ""
    if "sentence" not in asked:
        return "Describe the head first, or choose another source."
    return unfit_imagination(wanted.synthesizer, welcome)


def _add_synthesizer(wanted: Wanted, welcome: Welcome | None, asked: dict[str, Any]) -> str:
    """Puts the generator among the options; returns what is wrong with it."""
    if not wanted.synthesizer:
        return ""
    if not wanted.imagined and (problem := unfit_generator(wanted.synthesizer, wanted.uses, welcome)):
        return problem
    asked["synthesizer"] = wanted.synthesizer
    return ""


def _portrait(path: str, limit: int) -> bytes | str:
    if not path:
        return "Choose a portrait photograph first, or generate from a seed."
    file = Path(path)
    try:
        if not file.is_file():
            return f"There is no image file at {path}; choose another portrait."
        if (size := file.stat().st_size) > limit:
            return f"The portrait has {size / 1e6:.0f} MB and may have {limit / 1e6:.0f}; save it smaller."
        content = file.read_bytes()
    except OSError as error:
        return f"The portrait cannot be read: {error.strerror or error}."
    if not content.startswith(IMAGE_STARTS):
        return f"{file.name} is no JPEG, PNG, WebP, TIFF or BMP image; choose another portrait."
    return content
