# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller asks for, checked before any work starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .presets import DEFAULT_PRESET, PRESETS, Preset

MAX_SEED = 2**63 - 1
LIMITS = {
    "steps": (1, 100),
    "resolution": (32, 512),
    "faces": (500, 500_000),
    "texture_size": (64, 4096),
    "guidance": (0.0, 20.0),
}
"""Numbers that `options` may replace, with the smallest and largest value."""
OPTIONS = (*LIMITS, "levels")
MIN_LEVEL, MOST_LEVELS = 50, 12
"""Of coarser levels of detail: fewest faces, and how many levels."""
RESOLUTION_STEP = 4
"""The surface is extracted in blocks of so many cells."""


class RequestError(ValueError):
    """A request that cannot be carried out; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarRequest:
    """One avatar."""

    portrait: bytes | None = None
    """An image file's content; None makes a person from the seed alone."""
    seed: int = 0
    """Start of all randomness: the same request gives the same avatar."""
    preset: str = DEFAULT_PRESET
    """A key of `PRESETS`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Numbers that replace those of the preset, and `guidance`; see `LIMITS`. `levels`: a list of falling face counts,
    one for each coarser level of detail that is wanted."""
    job_id: str = ""
    """The caller's name for the job; it is written into the recipe."""

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise RequestError(f"there is no preset {self.preset!r}", f"Choose one of {', '.join(PRESETS)}.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed <= MAX_SEED:
            raise RequestError(f"a seed is a whole number from 0 to {MAX_SEED}, got {self.seed!r}")
        for name, value in self.options.items():
            _check_option(name, value)

    @property
    def numbers(self) -> Preset:
        """The preset with this request's replacements."""
        chosen = {name: int(value) for name, value in self.options.items() if name not in ("guidance", "levels")}
        return replace(PRESETS[self.preset], **chosen)  # type: ignore[arg-type]

    @property
    def guidance(self) -> float | None:
        """Strength of classifier-free guidance; None leaves it to the model."""
        value = self.options.get("guidance")
        return None if value is None else float(value)

    @property
    def levels(self) -> tuple[int, ...]:
        """Face counts of the coarser levels of detail, falling."""
        return tuple(self.options.get("levels", ()))


def _check_levels(value: object) -> None:
    high = LIMITS["faces"][1]
    counts: list[Any] = list(value) if isinstance(value, (list, tuple)) else [None]
    whole = all(isinstance(each, int) and not isinstance(each, bool) and MIN_LEVEL <= each <= high for each in counts)
    if not whole or len(counts) > MOST_LEVELS or counts != sorted(set(counts), reverse=True):
        raise RequestError(
            f"levels is a list of up to {MOST_LEVELS} falling whole numbers from {MIN_LEVEL} to {high}, got {value!r}"
        )


def _check_option(name: str, value: object) -> None:
    if name == "levels":
        _check_levels(value)
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
