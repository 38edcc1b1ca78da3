# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be adapted: the seam between score distillation and generators of volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..geometry.cameras import Camera
from ..weights import library
from .errors import AdaptationError
from .painted import Sight

FAMILIES = {
    "sdf-gan": "backend.adaptation.adaptable_sdf:AdaptableSdfGan",
    "eg3d": "backend.adaptation.adaptable_planes:AdaptablePlaneGan",
    "panohead": "backend.adaptation.adaptable_planes:AdaptablePlaneGan",
}
"""Family of a model -> what adapts it."""


@dataclass(frozen=True, slots=True)
class Learned:
    """Parameters that learn at one rate."""

    parameters: tuple[nn.Parameter, ...]
    rate: float
    """Over the plan's learning rate."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture."""

    rgb: Float[Tensor, "3 S S"]
    """Over white, in [0, 1]."""
    alpha: Float[Tensor, "1 S S"]
    """Coverage."""
    distance: Float[Tensor, "1 S S"]
    """Along each ray, of what is seen."""


@runtime_checkable
class Adaptable(Protocol):
    """A generator whose pictures can be learned through; all tensors on its device."""

    @property
    def name(self) -> str:
        """In the library."""
        ...

    @property
    def model_hash(self) -> str:
        """Names its weights in recipes."""
        ...

    @property
    def network(self) -> nn.Module:
        """What learns, and what `save` writes."""
        ...

    @property
    def device(self) -> torch.device: ...

    def groups(self, everybody: bool = False) -> Mapping[str, Learned]:
        """What learns, by name: `synthesis`, `shape`, `colour`, and `case` where planes are added to everybody's. What
        moves all people at once, whoever they are, learns with `everybody` alone."""
        ...

    def latents(self, count: int, random: torch.Generator) -> Float[Tensor, "B Z"]:
        """Random people."""
        ...

    def styles(self, latents: Float[Tensor, "B Z"], truncation: float) -> Float[Tensor, "B K W"]:
        """What decides them; without gradient."""
        ...

    def planes(self, styles: Float[Tensor, "B K W"]) -> Float[Tensor, "B 3 C *D R R"]:
        """Their features in space, in which distances between people are measured."""
        ...

    def camera(self, azimuth: float, elevation: float) -> Camera:
        """A camera around its heads, radians; 0, 0 sees the face."""
        ...

    def shoot(
        self,
        planes: Float[Tensor, "1 3 C *D R R"],
        styles: Float[Tensor, "1 K W"],
        camera: Camera,
        side: int,
        samples: int,
        random: torch.Generator | None,
    ) -> Shot:
        """A picture of one person, with as many samples a ray in each of two passes."""
        ...

    def look(
        self,
        planes: Float[Tensor, "1 3 C *D R R"],
        styles: Float[Tensor, "1 K W"],
        camera: Camera,
        side: int,
        samples: int,
    ) -> Sight:
        """The same without gradients, and where in space it is."""
        ...

    def frozen(self) -> Adaptable:
        """A copy that stays as it is now."""
        ...

    def save(self, weights: Mapping[str, Tensor], path: Path, recipe: dict[str, Any]) -> None:
        """Write the network with these weights as a model of the library, under the terms of what it was made from."""
        ...


def opened(name: str, device: torch.device | str = "cpu", case: bool = False) -> Adaptable:
    """A generator of the library, ready to be adapted; with `case`, planes that are added to everybody's learn too.

    Raises AdaptationError for a name that is none or a family that cannot be adapted, WeightsError for a damaged file.
    """
    found = library.entries()
    entry = found.get(name)
    able = [each.name for each in found.values() if each.family in FAMILIES]
    known = f"Choose one of {', '.join(able)}." if able else "Train one, or convert an EG3D: maquette train gan."
    if entry is None:
        raise AdaptationError(f"there is no generator called {name!r} that could be adapted", known)
    if entry.family not in FAMILIES:
        raise AdaptationError(f"{name} is of the family {entry.family}, which has no people to draw", known)
    module, _, attribute = FAMILIES[entry.family].partition(":")
    made: Adaptable = getattr(import_module(module), attribute).open(entry, torch.device(device), case)
    return made
