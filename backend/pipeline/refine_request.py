# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller asks of a head that exists, checked before any work starts."""

import math
from dataclasses import dataclass

from .request import LIMITS, MAX_SEED, MAX_SENTENCE, RequestError

REFINERS = ("reproject", "diffuse-local", "diffuse-sd")
"""What can refine a head without the field it came from: the portrait's own pixels, or views repainted by a prior."""
DEFAULT_REFINER, DEFAULT_SIZE = "diffuse-local", 1024
MOST_VIEWS, MOST_STEPS = 16, 200
MAX_GUIDANCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineRequest:
    """A better texture for one head."""

    portrait: bytes | None = None
    """An image file's content: its pixels are laid on what its camera saw, and stay."""
    prompt: str | None = None
    """What the person is like: "an old man with a grey beard". With neither portrait nor prompt, what is there gains
    detail."""
    negative: str | None = None
    """What must not appear, for a refiner that can express it."""
    strength: float = 0.5
    """How far repainting may leave what is there: 0 not at all, 1 entirely."""
    views: int = 8
    """Cameras around the head, 1 to `MOST_VIEWS`; they paint from the front outward."""
    size: int = DEFAULT_SIZE
    """Side of the new texture, texels."""
    seed: int = 0
    """Decides the noise: the same request gives the same texture."""
    refiner: str = DEFAULT_REFINER
    """One of `REFINERS`."""
    guidance: float | None = None
    """How strictly the prompt is followed; the refiner's own value unless given."""
    steps: int | None = None
    """Denoising steps for each view; the refiner's own number unless given."""
    job_id: str = ""
    """The caller's name for the job; it is written into the recipe."""

    def __post_init__(self) -> None:
        if self.refiner not in REFINERS:
            raise RequestError(f"there is no refiner {self.refiner!r}", f"Choose one of {', '.join(REFINERS)}.")
        for name in ("prompt", "negative"):
            _check_text(name, getattr(self, name))
        _check_number("strength", self.strength, 0.0, 1.0)
        if self.guidance is not None:
            _check_number("guidance", self.guidance, 0.0, MAX_GUIDANCE)
        whole = {"views": (1, MOST_VIEWS), "size": LIMITS["texture_size"], "seed": (0, MAX_SEED)}
        if self.steps is not None:
            whole["steps"] = (1, MOST_STEPS)
        for name, (low, high) in whole.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise RequestError(f"{name} is a whole number from {low} to {high}, got {value!r}")
        if self.refiner == "reproject" and self.portrait is None:
            raise RequestError("reproject works from a portrait, but there is none", "Give a portrait.")


def _check_text(name: str, text: object) -> None:
    if text is None:
        return
    if not isinstance(text, str) or len(text) > MAX_SENTENCE or not text.isprintable():
        shown = repr(text)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise RequestError(
            f"a {name} is one line of at most {MAX_SENTENCE} characters, got {shown}",
            'Describe the person: "an old woman with short grey hair".',
        )


def _check_number(name: str, value: object, low: float, high: float) -> None:
    right = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not right or not low <= value <= high:  # type: ignore[operator]
        raise RequestError(f"{name} is a number from {low:g} to {high:g}, got {value!r}")
