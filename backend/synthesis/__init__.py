# SPDX-License-Identifier: GPL-3.0-or-later
"""A condition (portrait or seed) to a field, one file per family of generators.

`SYNTHESIZERS` names those that ship; the values are import paths, so that listing them costs no torch. What the user
has converted (`weights.library`) stands beside them:

    synthesizer = load("rodin")
    field = yield from synthesizer.synthesize(Condition(seed=7))
"""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..weights import library

if TYPE_CHECKING:
    from .base import Synthesizer

DEFAULT = "rodin"
SYNTHESIZERS = {"rodin": "backend.synthesis.rodin:Rodin"}
CONVERTED = {
    "eg3d": "backend.synthesis.plane_gan:ConvertedGan",
    "panohead": "backend.synthesis.plane_gan:ConvertedGan",
    "triposr": "backend.synthesis.lrm:ConvertedLrm",
    "sdf-gan": "backend.synthesis.sdf_gan:SdfGanSynthesizer",
}
"""Family of a model in the user's folder -> what makes avatars with it."""
INPUTS = {"rodin": ("portrait", "sentence", "seed")}
"""What each that ships makes people from."""


def available() -> dict[str, tuple[str, ...]]:
    """All generators by name, those that ship first, with what they make people from."""
    return INPUTS | {name: entry.inputs for name, entry in library.entries().items() if name not in INPUTS}


def load(name: str = DEFAULT, device: str = "auto") -> "Synthesizer":
    """Load a generator by name; `device` is auto, cpu, cuda or cuda:N.

    Raises library.LibraryError for an unknown name and `weights.store.WeightsError` for unusable weights.
    """
    import torch

    where = torch.device(device_of(device))
    if name in SYNTHESIZERS:
        shipped: Synthesizer = _found(SYNTHESIZERS[name]).load(where)
        return shipped
    entry = library.entries().get(name)
    if entry is None:
        known = ", ".join(available())
        raise library.LibraryError(f"there is no generator called {name!r}", f"Choose one of {known}.")
    converted: Synthesizer = _found(CONVERTED[entry.family]).open(entry, where)
    return converted


def device_of(said: str) -> str:
    """What "auto" comes to on this machine; any other device as it was said."""
    import torch

    if said != "auto":
        return said
    return "cuda" if torch.cuda.is_available() else "cpu"


def chosen(name: str | None, sources: Sequence[str] = ()) -> str:
    """The generator for a request: the one that was named, else the one that made the avatars to start from, as far
    as that is one of the user's; else the one that ships.

    Raises SourceError for sources that cannot be read.
    """
    if name is not None or not sources:
        return name or DEFAULT
    from .source import Source

    made_by = Source.unpack(sources[0]).model_hash
    return next((name for name, entry in library.entries().items() if entry.model_hash == made_by), DEFAULT)


def _found(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)
