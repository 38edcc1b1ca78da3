# SPDX-License-Identifier: GPL-3.0-or-later
"""What repaints one view of a head: the seam between the texture's optimisation and a model of pictures.

    prior = load_prior("diffuse-local")
    picture = yield from prior.paint(view, Wish(prompt="an old man with a grey beard", strength=0.5))

`PRIORS` names them; the values are import paths, so that listing them costs neither torch nor diffusers.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float, UInt8

PRIORS = {
    "diffuse-local": "backend.refinement.diffuse_local:load",
    "diffuse-sd": "backend.refinement.diffuse_sd:load",
    "sharpen": "backend.refinement.sharpen:load",
}
"""Name -> `module:loader`, a function from `PriorSettings` to a `ViewPrior`."""
REFERENCE = 256
"""Side of the aligned portrait that a wish may hold (`geometry.alignment.CROP_SIZE`)."""


class PriorError(Exception):
    """A prior that cannot be used: no such name, no weights, a library that is missing; `message` says why and `hint`
    what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}; {hint}")
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a camera sees of the head as it is dressed now, top row first."""

    image: UInt8[np.ndarray, "S S 3"]
    """sRGB albedo, unlit, over white."""
    shown: Bool[np.ndarray, "S S"]
    """Pixels that show the head."""
    normal: Float[np.ndarray, "S S 3"]
    """Unit normals in the camera's frame: x right, y up, z towards the camera; 0 off the head."""
    depth: Float[np.ndarray, "S S"]
    """Distance along the optical axis, box units; infinite off the head."""
    generate: Float[np.ndarray, "S S"]
    """1: nothing good is known here, paint freely; 0: do not. Soft at its border."""
    keep: Float[np.ndarray, "S S"]
    """1: these pixels are right and stay; 0: they may change. Soft at its border. What is neither generated nor kept
    is updated: image to image at the wish's strength."""
    azimuth: float
    """Radians; 0 sees the face, positive stands towards +X, the person's left."""
    elevation: float
    """Radians; positive looks down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the repainted view shall be like; all views of one texture share it."""

    prompt: str = ""
    """What the person is like: "an old man with a grey beard". Empty: whatever the view already shows."""
    negative: str = ""
    """What must not appear; a prior that cannot express it leaves it out of account."""
    strength: float = 0.5
    """Noise that an update starts from: 0 changes nothing, 1 forgets the picture."""
    guidance: float | None = None
    """How strictly the prompt is followed; None takes the prior's own best."""
    steps: int | None = None
    """Denoising steps; None takes the prior's own best."""
    seed: int = 0
    """Decides the noise: same seed, view and wish give the same picture on one device."""
    reference: UInt8[np.ndarray, "256 256 3"] | None = None
    """Aligned portrait of the person; a prior without a place for one leaves it out of account."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a prior has come with one view."""

    fraction: float
    """In [0, 1], rising."""
    preview: UInt8[np.ndarray, "H W 3"] | None = None
    """A picture of what is emerging."""


class ViewPrior(Protocol):
    """A loaded model of pictures of heads."""

    name: str
    """Its key in `PRIORS`."""
    size: int
    """Side of the views at which it works best, pixels."""

    def paint(self, view: View, wish: Wish) -> Generator[Step, None, UInt8[np.ndarray, "S S 3"]]:
        """The view repainted, at the view's own side; yields after each denoising step, and closing it cancels.

        What it returns off the head is not looked at.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorSettings:
    """Where and how a prior runs."""

    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    folder: Path | None = None
    """Where its files lie, for a prior that is not shipped; None looks where they usually are, and never downloads."""
    options: Mapping[str, str] = field(default_factory=dict)
    """What only this prior knows, as its own docstring lists it: `memory`, for instance."""


def load_prior(name: str, settings: PriorSettings | None = None) -> ViewPrior:
    """Load a prior by name. Raises PriorError for an unknown name and whatever keeps it from working."""
    if name not in PRIORS:
        raise PriorError(f"there is no prior {name!r} for views", f"Choose one of {', '.join(PRIORS)}.")
    module, _, attribute = PRIORS[name].partition(":")
    try:
        loader = getattr(import_module(module), attribute)
    except ImportError as error:
        raise PriorError(f"{name} cannot be loaded: {error}", "Install the library it names.") from error
    prior: ViewPrior = loader(settings or PriorSettings())
    return prior
