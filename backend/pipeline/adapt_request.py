# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller says of a new style, a generator that a sentence changes, checked before any work starts."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..weights import library
from .presets import DEFAULT_PRESET, PRESETS
from .request import AvatarRequest, RequestError

ADAPT = "adapt"
"""Kind of the request."""
KEEPS = ("people", "rest")
"""That people stay as different from each other as they were; or all that the sentence does not speak of as well."""
PRIORS = ("studio", "stable-diffusion")
"""Who judges the pictures: the keys of `adaptation.prior.PRIORS`, which loads torch."""
MAX_SENTENCE = 400
STEPS, GUIDANCE, SIDE = (1, 2000), (0.0, 200.0), (16, 256)
"""Who sends more than these has a device for hours; the library itself has wider ones."""
HEAD_OPTIONS = ("resolution", "faces", "texture_size", "refiners")
"""Of the first head in the style, as an avatar has them."""
OPTIONS = ("sentence", "name", "synthesizer", "keep", "steps", "guidance", "negative", "side", "prior", *HEAD_OPTIONS)
"""Names that the options of a request may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptRequest:
    """One style, and a first head in it."""

    sentence: str
    """What the generator's people become: "a marble statue"."""
    name: str = ""
    """What the new generator is called; after the sentence unless given."""
    model: str | None = None
    """The generator that is changed, which stays as it is; the first that can be unless given."""
    keep: str = "people"
    """One of `KEEPS`."""
    steps: int | None = None
    """Of optimisation; the library's own number unless given."""
    guidance: float | None = None
    """How strictly the sentence is followed; the library's own value unless given."""
    negative: str = ""
    """What must not appear."""
    side: int | None = None
    """Of the pictures by which it learns, pixels; the library's own unless given."""
    prior: str | None = None
    """One of `PRIORS`; the library's own unless given."""
    seed: int = 0
    """Start of all randomness, and the first head's."""
    preset: str = DEFAULT_PRESET
    """How fine the first head becomes."""
    head: Mapping[str, Any] = field(default_factory=dict)
    """The first head's differences from the preset: some of `HEAD_OPTIONS`."""
    job_id: str = ""
    """The caller's name for the job; it is written into the recipe."""

    def __post_init__(self) -> None:
        _check_line("sentence", self.sentence, least=1)
        _check_line("negative", self.negative, least=0)
        if self.name and not library.NAME.fullmatch(self.name):
            raise RequestError(
                f"a style cannot be called {self.name!r:.60}", "Use up to 40 small letters, digits and hyphens."
            )
        if self.model is not None and not library.NAME.fullmatch(self.model):
            raise RequestError(f"there is no generator called {self.model!r:.60}", "Leave it out for the usual one.")
        for name, value, known in (("keep", self.keep, KEEPS), ("prior", self.prior, (None, *PRIORS))):
            if value not in known:
                raise RequestError(
                    f"there is no {name} {value!r:.60}", f"Choose one of {', '.join(each for each in known if each)}."
                )
        _check_number("steps", self.steps, STEPS)
        _check_number("guidance", self.guidance, GUIDANCE)
        _check_number("side", self.side, SIDE)
        self.first_head("-")

    def first_head(self, name: str) -> AvatarRequest:
        """The request for the first head by the generator of that name. Raises RequestError."""
        return AvatarRequest(
            seed=self.seed, preset=self.preset, options={**self.head, "synthesizer": name}, job_id=self.job_id
        )

    def fingerprint(self, model_hash: str) -> str:
        """Names what is computed, whatever the result is called: a cancelled run goes on when it is asked for again."""
        names = ("sentence", "keep", "steps", "guidance", "negative", "side", "prior", "seed")
        told = json.dumps([model_hash, *(getattr(self, name) for name in names)])
        return hashlib.sha256(told.encode()).hexdigest()[:24]


def adapt_request(options: Mapping[str, Any], preset: str, seed: int, job_id: str) -> AdaptRequest:
    """A request's options in the pipeline's words. Raises RequestError."""
    unknown = [name for name in options if name not in OPTIONS]
    if unknown:
        raise RequestError(f"there is no option {unknown[0]!r:.60}", f"Options are {', '.join(OPTIONS)}.")
    if "sentence" not in options:
        raise RequestError("a style needs a sentence", 'Say what people shall become: "a marble statue".')
    if preset not in PRESETS:
        raise RequestError(f"there is no preset {preset!r}", f"Choose one of {', '.join(PRESETS)}.")
    given = {name: value for name, value in options.items() if name not in HEAD_OPTIONS}
    if "synthesizer" in given:
        given["model"] = given.pop("synthesizer")
    for name in ("name", "model"):
        if not isinstance(given.get(name, ""), str):
            raise RequestError(f"a {name} is a word, got {given[name]!r:.60}", "Leave it out for the usual one.")
    head = {name: options[name] for name in HEAD_OPTIONS if name in options}
    return AdaptRequest(**given, preset=preset, seed=seed, head=head, job_id=job_id)


def _check_line(name: str, value: object, least: int) -> None:
    if not isinstance(value, str) or not least <= len(value.strip()) <= MAX_SENTENCE or not value.isprintable():
        shown = repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise RequestError(
            f"a {name} is one line of {least} to {MAX_SENTENCE} characters, got {shown}",
            'Say what people shall become: "a marble statue", "a person with green hair".',
        )


def _check_number(name: str, value: object, limits: tuple[float, float]) -> None:
    low, high = limits
    whole = isinstance(low, int)
    right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if value is not None and (not right or not math.isfinite(value) or not low <= value <= high):  # type: ignore
        kind = "whole number" if whole else "number"
        hint = "Leave it out for the usual one."
        raise RequestError(f"{name} is a {kind} from {low:g} to {high:g}, got {value!r:.60}", hint)
