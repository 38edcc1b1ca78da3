# SPDX-License-Identifier: GPL-3.0-or-later
"""A condition (portrait or seed) to a field, one file per family of generators.

`SYNTHESIZERS` names them; the values are import paths, so that listing them costs no torch:

    synthesizer = load("rodin")
    field = yield from synthesizer.synthesize(Condition(seed=7))
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Synthesizer

SYNTHESIZERS = {"rodin": "backend.synthesis.rodin:Rodin"}


def load(name: str = "rodin", device: str = "auto") -> "Synthesizer":
    """Load a generator by name; `device` is auto, cpu, cuda or cuda:N.

    Raises KeyError for an unknown name and `weights.store.WeightsError` for unusable weights.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    module, _, attribute = SYNTHESIZERS[name].partition(":")
    synthesizer: Synthesizer = getattr(import_module(module), attribute).load(torch.device(device))
    return synthesizer
