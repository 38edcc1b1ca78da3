# SPDX-License-Identifier: GPL-3.0-or-later
"""What every generator takes and gives."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ..geometry.fields import Field
from .source import Source

KINDS = ("portrait", "sentence", "seed")
"""What can be mixed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change to an avatar that exists."""

    source: Source
    sentence: str
    """What to change: "add a beard", "make her older", "red hair"."""
    strength: float = 1.0
    """0 changes nothing, 1 is the sentence as it stands, more exaggerates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What an avatar is to be like."""

    seed: int = 0
    """Decides the noise: the same seed and conditions give the same avatar on one device."""
    portrait: np.ndarray | None = None
    """Aligned crop, uint8 [256, 256, 3] (see `geometry.alignment`)."""
    matte: np.ndarray | None = None
    """Its coverage by the person, float32 [256, 256] in [0, 1]."""
    pose: tuple[float, float] | None = None
    """Azimuth and elevation from which the portrait was taken, radians, where known."""
    sentence: str | None = None
    """A description: "an old woman with short grey hair"."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """How much each of `KINDS` counts where several are given; 1 each unless told. A seed counts only if it is named
    here or if there is nothing else."""
    edit: Edit | None = None
    """Change this avatar instead of making a new one."""
    blend: tuple[tuple[Source, float], ...] = ()
    """Make the weighted mean of these avatars instead of a new one."""
    layers: float | None = None
    """Of a blend of two, by generators with styles: the share of the layers, coarse ones first, that come from the
    first avatar, all others from the second; None averages them in all layers."""
    steps: int = 12
    """Denoising steps of the base model."""
    guidance: float | None = None
    """How strongly the condition decides; None takes the generator's own best."""
    temperature: float | None = None
    """Scale of the noise that sampling starts from, in [0, 1]: less is closer to the mean; None takes the best."""
    invert: int = 0
    """Steps of optimisation against the portrait after sampling; 0 is none."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage has come."""

    stage: str
    fraction: float
    """Of this stage, in [0, 1]."""
    preview: np.ndarray | None = None
    """A picture of the avatar so far, uint8 [H, W, 3]."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What sampling gives."""

    field: Field
    source: Source
    """What edits and blends start from."""
    notes: tuple[str, ...] = ()
    """What the user should know: words that were not understood, for instance."""


class Synthesizer(Protocol):
    """A loaded generator."""

    name: str
    """Its key in `SYNTHESIZERS`."""
    model_hash: str
    """Names the weights in recipes."""

    def synthesize(self, condition: Condition) -> Generator[Progress, None, Sample]:
        """Yield progress after each step, return the result; closing it cancels."""
