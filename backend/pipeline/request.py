# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller asks for, checked before any work starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .presets import DEFAULT_PRESET, PRESETS, REFINERS, Preset

KINDS = ("avatar", "edit", "blend", "imagine")
"""A new person; a change to one that exists; the mean of several that exist; what a sentence says that no person is
like, by a generator that is bent to it for this one head."""
MAX_SEED = 2**63 - 1
LIMITS = {
    "steps": (1, 100),
    "resolution": (32, 1024),
    "faces": (500, 500_000),
    "texture_size": (64, 4096),
    "guidance": (0.0, 20.0),
    "temperature": (0.0, 1.0),
    "strength": (0.0, 3.0),
    "invert": (0, 1000),
    "layers": (0.0, 1.0),
    "tune": (0, 2000),
    "candidates": (1, 1024),
}
"""Numbers among the options, with the smallest and largest value."""
OPTIONS = (*LIMITS, "levels", "sentence", "weights", "shares", "refiners", "synthesizer")
IMAGINED = ("tune", "candidates")
"""Options of imagined heads alone."""
NUMBERS = ("steps", "resolution", "faces", "texture_size")
"""Options that replace numbers of the preset."""
MIXED = ("portrait", "sentence", "seed")
"""What a person can be mixed from."""
MIN_LEVEL, MOST_LEVELS = 50, 12
"""Of coarser levels of detail: fewest faces, and how many levels."""
MAX_SENTENCE, MOST_SOURCES, MAX_WEIGHT, MAX_NAME = 500, 8, 100.0, 40
RESOLUTION_STEP = 4
"""The surface is extracted in blocks of so many cells."""
AGAIN = "Generate the avatar again to edit or blend it."


class RequestError(ValueError):
    """A request that cannot be carried out; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarRequest:
    """One avatar."""

    kind: str = "avatar"
    """One of `KINDS`."""
    portrait: bytes | None = None
    """An image file's content; None makes a person from sentence or seed alone."""
    sources: tuple[str, ...] = ()
    """Avatars that exist, as their recipes' `source` holds them: one to edit, up to eight to blend; a blend of one is
    that avatar again."""
    seed: int = 0
    """Start of all randomness: the same request gives the same avatar."""
    preset: str = DEFAULT_PRESET
    """A key of `PRESETS`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Numbers that replace those of the preset, and what `LIMITS` names. `levels`: falling face counts, one for each
    coarser level of detail that is wanted; `sentence`: what the person is like, or what an edit changes; `weights`: how
    much each of `MIXED` counts; `shares`: of a blend's sources, in their order; `refiners`: names of texture refiners,
    in order, instead of the preset's; `synthesizer`: the name of a generator, such as one that the user converted."""
    job_id: str = ""
    """The caller's name for the job; it is written into the recipe."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise RequestError(f"there is no kind of request {self.kind!r}", f"Choose one of {', '.join(KINDS)}.")
        if self.preset not in PRESETS:
            raise RequestError(f"there is no preset {self.preset!r}", f"Choose one of {', '.join(PRESETS)}.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed <= MAX_SEED:
            raise RequestError(f"a seed is a whole number from 0 to {MAX_SEED}, got {self.seed!r}")
        for name, value in self.options.items():
            _check_option(name, value)
        checks = {
            "avatar": self._check_avatar, "edit": self._check_edit, "blend": self._check_blend,
            "imagine": self._check_imagine,
        }  # fmt: skip
        checks[self.kind]()

    @property
    def numbers(self) -> Preset:
        """The preset with this request's replacements."""
        chosen: dict[str, Any] = {name: int(self.options[name]) for name in NUMBERS if name in self.options}
        if "refiners" in self.options:
            chosen["refiners"] = tuple(self.options["refiners"])
        return replace(PRESETS[self.preset], **chosen)

    @property
    def guidance(self) -> float | None:
        """Strength of classifier-free guidance; None leaves it to the model."""
        return self._real("guidance")

    @property
    def temperature(self) -> float | None:
        """Scale of the noise that sampling starts from; None leaves it to the model."""
        return self._real("temperature")

    @property
    def strength(self) -> float:
        """Of an edit: 1 is the sentence as it stands."""
        return float(self.options.get("strength", 1.0))

    @property
    def layers(self) -> float | None:
        """Of a blend of two by a generator with styles: the share of the layers that come from the first."""
        return self._real("layers")

    @property
    def invert(self) -> int:
        """Steps by which the avatar is fitted to its portrait after sampling."""
        return int(self.options.get("invert", 0))

    @property
    def tune(self) -> int | None:
        """Steps by which the generator is bent to an imagined head's sentence; None leaves it to the library."""
        return int(self.options["tune"]) if "tune" in self.options else None

    @property
    def candidates(self) -> int | None:
        """People among whom the one to start an imagined head from is looked for; None leaves it to the library."""
        return int(self.options["candidates"]) if "candidates" in self.options else None

    @property
    def sentence(self) -> str | None:
        """What the person is like, or what an edit changes."""
        said = self.options.get("sentence")
        return None if said is None else str(said)

    @property
    def weights(self) -> dict[str, float]:
        """How much each of `MIXED` counts, as far as it was said."""
        return {name: float(value) for name, value in self.options.get("weights", {}).items()}

    @property
    def shares(self) -> tuple[float, ...]:
        """Of each source of a blend; they add up to 1."""
        shares = [float(share) for share in self.options.get("shares", [1.0] * len(self.sources))]
        return tuple(share / sum(shares) for share in shares)

    @property
    def synthesizer(self) -> str | None:
        """The generator that was asked for by name; None leaves it to who carries the request out."""
        said = self.options.get("synthesizer")
        return None if said is None else str(said)

    @property
    def levels(self) -> tuple[int, ...]:
        """Face counts of the coarser levels of detail, falling."""
        return tuple(self.options.get("levels", ()))

    @property
    def shows_portrait(self) -> bool:
        """Whether the avatar is the portrait's person and nobody else's, so that the photograph's own pixels fit."""
        others = [name for name in MIXED if name != "portrait" and self._counts(name)]
        return self.portrait is not None and self.weights.get("portrait", 1.0) > 0 and not others

    def _counts(self, name: str) -> bool:
        given = {"portrait": self.portrait is not None, "sentence": self.sentence is not None, "seed": True}[name]
        # A seed that is not named counts only where there is nothing else.
        return given and self.weights.get(name, 0.0 if name == "seed" else 1.0) > 0

    def _real(self, name: str) -> float | None:
        value = self.options.get(name)
        return None if value is None else float(value)

    def _check_avatar(self) -> None:
        self._refuse("strength", "shares", "layers", *IMAGINED)
        if self.sources:
            raise RequestError("a new avatar has no sources", "Ask for an edit or a blend instead.")
        given = {"portrait": self.portrait is not None, "sentence": self.sentence is not None, "seed": True}
        for name, weight in self.weights.items():
            if weight and not given[name]:
                raise RequestError(f"weights name a {name}, but there is none", f"Give a {name}, or leave it out.")
        if self.weights and not any(self._counts(name) for name in MIXED):
            raise RequestError("all weights are 0", "Let at least one count.")
        if self.invert and self.portrait is None:
            raise RequestError("without a portrait there is nothing to fit the avatar to", "Leave invert out.")

    def _check_edit(self) -> None:
        self._refuse("weights", "shares", "layers", "invert", *IMAGINED)
        if len(self.sources) != 1:
            raise RequestError(f"an edit needs one avatar's source, got {len(self.sources)}", AGAIN)
        if self.sentence is None:
            raise RequestError("an edit needs a sentence", 'Say what to change: "add a beard", "make her older".')

    def _check_blend(self) -> None:
        self._refuse("weights", "sentence", "strength", "invert", *IMAGINED)
        if not 1 <= len(self.sources) <= MOST_SOURCES:
            raise RequestError(
                f"a blend needs the sources of 1 to {MOST_SOURCES} avatars, got {len(self.sources)}", AGAIN
            )
        if self.layers is not None and len(self.sources) != 2:
            raise RequestError(f"layers are mixed of two avatars, got {len(self.sources)}", "Leave layers out.")
        shares = self.options.get("shares")
        if shares is not None and len(shares) != len(self.sources):
            raise RequestError(f"shares must be as many as sources ({len(self.sources)}), got {len(shares)}")

    def _check_imagine(self) -> None:
        self._refuse("weights", "shares", "layers", "strength", "invert", "temperature")
        if self.sources:
            raise RequestError("an imagined head has no sources", "Edit it when it is there.")
        if self.sentence is None:
            raise RequestError(
                "an imagined head needs a sentence", 'Describe it: "a bronze bust with a laurel wreath".'
            )

    def _refuse(self, *names: str) -> None:
        for name in names:
            if name in self.options:
                raise RequestError(f"{name} has no meaning for a request of kind {self.kind}", "Leave it out.")
        if self.kind != "avatar" and self.portrait is not None:
            hint = "Leave it out." if self.kind == "imagine" else "It starts from avatars that exist."
            raise RequestError(f"a request of kind {self.kind} takes no portrait", hint)


def _check_levels(value: object) -> None:
    high = LIMITS["faces"][1]
    counts: list[Any] = list(value) if isinstance(value, (list, tuple)) else [None]
    whole = all(isinstance(each, int) and not isinstance(each, bool) and MIN_LEVEL <= each <= high for each in counts)
    if not whole or len(counts) > MOST_LEVELS or counts != sorted(set(counts), reverse=True):
        raise RequestError(
            f"levels is a list of up to {MOST_LEVELS} falling whole numbers from {MIN_LEVEL} to {high}, got {value!r}"
        )


def _check_sentence(value: object) -> None:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_SENTENCE or not value.isprintable():
        shown = repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise RequestError(
            f"a sentence is one line of 1 to {MAX_SENTENCE} characters, got {shown}",
            'Describe the person: "an old woman with short grey hair".',
        )


def _check_weights(value: object) -> None:
    if not isinstance(value, Mapping) or not set(value) <= set(MIXED) or not all(map(_is_weight, value.values())):
        raise RequestError(
            f"weights name {', '.join(MIXED)}, each with a number from 0 to {MAX_WEIGHT:g}, got {value!r}"
        )


def _check_shares(value: object) -> None:
    right = isinstance(value, (list, tuple)) and 0 < len(value) <= MOST_SOURCES and all(map(_is_weight, value))
    if not right or not sum(value):  # type: ignore[call-overload]
        raise RequestError(f"shares is a list of numbers from 0 to {MAX_WEIGHT:g}, not all 0, got {value!r}")


def _check_refiners(value: object) -> None:
    names: list[Any] = list(value) if isinstance(value, (list, tuple)) else [None]
    if not all(isinstance(name, str) and name in REFINERS for name in names) or len(set(names)) < len(names):
        raise RequestError(f"refiners is a list of {', '.join(REFINERS)}, none twice, got {value!r}")


def _check_synthesizer(value: object) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or not value.isprintable():
        raise RequestError(f"a generator's name is a word of 1 to {MAX_NAME} letters, got {value!r:.60}")


def _is_weight(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_WEIGHT


_CHECKS = {
    "levels": _check_levels,
    "sentence": _check_sentence,
    "weights": _check_weights,
    "shares": _check_shares,
    "refiners": _check_refiners,
    "synthesizer": _check_synthesizer,
}


def _check_option(name: str, value: object) -> None:
    if name in _CHECKS:
        _CHECKS[name](value)
        return
    if name not in LIMITS:
        raise RequestError(f"there is no option {name!r}", f"Options are {', '.join(OPTIONS)}.")
    low, high = LIMITS[name]
    whole = isinstance(low, int)
    right_type = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not right_type or not low <= value <= high:  # type: ignore[operator]
        kind = "whole number" if whole else "number"
        raise RequestError(f"{name} is a {kind} from {low} to {high}, got {value!r}")
    if name == "resolution" and value % RESOLUTION_STEP:  # type: ignore[operator]
        raise RequestError(f"resolution is a multiple of {RESOLUTION_STEP}, got {value!r}")
