# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller may say about the refinement of his own head, checked before any work starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .refine_request import RefineRequest
from .request import LIMITS, RequestError

LAYOUTS = ("auto", "own", "new")
"""Where the picture lies: see `refinement.heads`, which says why these need no numpy here."""
AXES = ("X", "-X", "Y", "-Y", "Z", "-Z")
REFINE = "refine"
"""Kind of the request."""
_RENAMED = {"texture_size": "size"}
OPTIONS = (
    "prompt",
    "negative",
    "strength",
    "views",
    "texture_size",
    "refiner",
    "guidance",
    "steps",
    "layout",
    "up",
    "front",
)
"""Names that the options of a request may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadWish:
    """How the head is taken, beside what its texture becomes."""

    layout: str = "auto"
    """One of `LAYOUTS`: on the head's own coordinates, on new ones, or on its own where they can hold the picture."""
    up: str | None = None
    """One of `AXES`, of the mesh's frame; None: found by the face."""
    front: str | None = None
    """Which way the face looks, alike."""
    size: int | None = None
    """Side of the texture; None: as large as the picture that is there."""

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise RequestError(f"there is no layout {self.layout!r}", f"Choose one of {', '.join(LAYOUTS)}.")
        for name, axis in (("up", self.up), ("front", self.front)):
            if axis is not None and axis not in AXES:
                raise RequestError(
                    f"{name} is one of {', '.join(AXES)}, got {axis!r}", "Leave it out to have it found."
                )
        if self.up is not None and self.front is not None and self.up[-1] == self.front[-1]:
            raise RequestError(
                f"a head whose top is {self.up} cannot look along {self.front}", "Choose two axes at right angles."
            )


def read_options(
    options: Mapping[str, Any], portrait: bytes | None, seed: int, job_id: str
) -> tuple[RefineRequest, HeadWish]:
    """A request's options in the pipeline's words. Raises RequestError."""
    unknown = [name for name in options if name not in OPTIONS]
    if unknown:
        raise RequestError(f"there is no option {unknown[0]!r}", f"Options are {', '.join(OPTIONS)}.")
    given = {_RENAMED.get(name, name): value for name, value in options.items()}
    wish = HeadWish(
        layout=given.pop("layout", "auto"),
        up=given.pop("up", None),
        front=given.pop("front", None),
        size=given.get("size"),
    )
    if wish.size is None:
        given.pop("size", None)
    elif isinstance(wish.size, int) and not LIMITS["texture_size"][0] <= wish.size <= LIMITS["texture_size"][1]:
        low, high = LIMITS["texture_size"]
        raise RequestError(f"texture_size is a whole number from {low} to {high}, got {wish.size!r}")
    return RefineRequest(portrait=portrait, seed=seed, job_id=job_id, **given), wish
