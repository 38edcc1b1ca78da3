# SPDX-License-Identifier: GPL-3.0-or-later
"""What every generator takes and gives."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..geometry.fields import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What an avatar is to be like."""

    seed: int = 0
    """Decides the noise: the same seed and portrait give the same avatar on one device."""
    portrait: np.ndarray | None = None
    """Aligned crop, uint8 [256, 256, 3] (see `geometry.alignment`)."""
    matte: np.ndarray | None = None
    """Its coverage by the person, float32 [256, 256] in [0, 1]."""
    steps: int = 12
    """Denoising steps."""
    guidance: float | None = None
    """How strongly the portrait decides; None takes the generator's own best."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage has come."""

    stage: str
    fraction: float
    """Of this stage, in [0, 1]."""
    preview: np.ndarray | None = None
    """A picture of the avatar so far, uint8 [H, W, 3]."""


class Synthesizer(Protocol):
    """A loaded generator."""

    name: str
    """Its key in `SYNTHESIZERS`."""
    model_hash: str
    """Names the weights in recipes."""

    def synthesize(self, condition: Condition) -> Generator[Progress, None, Field]:
        """Yield progress after each step, return the field; closing it cancels."""
