# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running job says, in order: progress, a mesh, better and better textures, the recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from backend.surface.mesh import Mesh
    from backend.texture.maps import TextureSet


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the job stands."""

    stage: str
    """What is being done, in a user's words."""
    fraction: float
    """Of the whole job, 0 to 1; never falls."""
    remaining: float | None = None
    """Estimated seconds until the end; None while nothing can be said."""
    preview: np.ndarray | None = None
    """A picture of what is emerging, u8 [H, W, 3]; None where there is no new one."""


@dataclass(frozen=True, slots=True)
class Shaped:
    """The surface is final, with UVs; no texture exists yet."""

    mesh: Mesh
    levels: tuple[Mesh, ...] = ()
    """The coarser levels of detail that were asked for, under the same texture; vertices are the mesh's own."""


@dataclass(frozen=True, slots=True)
class Painted:
    """A texture for the mesh that was sent; each replaces the one before."""

    textures: TextureSet
    final: bool
    """No better one follows."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The job is done."""

    recipe: dict[str, Any]
    """How this avatar was made and can be made again; plain JSON values."""


PipelineEvent = Progress | Shaped | Painted | Finished
