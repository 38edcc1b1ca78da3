# SPDX-License-Identifier: GPL-3.0-or-later
"""Who makes an imagined head: a generator that is bent to the sentence for this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.weights import library

from .adapt import StyleError
from .request import AvatarRequest

if TYPE_CHECKING:
    from backend.synthesis.base import Synthesizer


def base_of(request: AvatarRequest) -> str:
    """The generator that is bent. Raises StyleError where there is none that can be."""
    possible = library.adaptable()
    name = request.synthesizer or next(iter(possible), "")
    if not possible:
        raise StyleError("no generator here can be bent to a sentence", "Train one: maquette train gan.")
    if name not in possible:
        raise StyleError(f"the generator {name} cannot be bent to a sentence", f"Choose one of {', '.join(possible)}.")
    return name


def sculptor(request: AvatarRequest, device: str) -> Synthesizer:
    """The synthesizer of an "imagine" request. Raises StyleError, WeightsError or AdaptationError."""
    name = base_of(request)
    from backend.adaptation.text_avatar import TextAvatar

    made: Synthesizer = TextAvatar.load(name, device, steps=request.tune, candidates=request.candidates)
    return made
