# SPDX-License-Identifier: GPL-3.0-or-later
"""What a texture refiner is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ..faces.portrait import Portrait
from ..geometry.fields import Field
from ..surface.mesh import Mesh
from ..texture.maps import TextureSet
from .prior import Step, Wish


class Refine(Protocol):
    """One or more better textures of `size` texels a side, each at a higher level than the one given; steps between
    them where one takes long. `wish` says what the person shall be like, for refiners that can follow it."""

    def __call__(
        self,
        field: Field,
        mesh: Mesh,
        textures: TextureSet,
        portrait: Portrait | None,
        *,
        size: int,
        wish: Wish | None = None,
    ) -> Iterator[TextureSet | Step]: ...


@dataclass(frozen=True, slots=True)
class Refiner:
    """An entry of the table of refiners."""

    refine: Refine
    """The method."""
    needs_portrait: bool
    """Whether it can only work from a photograph."""
