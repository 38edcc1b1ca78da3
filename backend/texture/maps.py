# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures that dress a mesh."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8


@dataclass(frozen=True, slots=True)
class TextureSet:
    """Square textures over the unit square of `Mesh.uv`, top row first."""

    albedo: UInt8[np.ndarray, "T T 3"]
    """sRGB base colour, padded around charts."""
    coverage: Bool[np.ndarray, "T T"]
    """Texels whose centre lies on the mesh; the rest is padding."""
    level: int
    """Which improvement this is, from 0: a later texture of one job never has a lower level."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about what limits this texture."""
    normal: UInt8[np.ndarray, "T T 3"] | None = None
    """Tangent-space normals, MikkTSpace, green up; no colour space."""
    occlusion: UInt8[np.ndarray, "T T"] | None = None
    """Share of ambient light; no colour space."""
    roughness: UInt8[np.ndarray, "T T"] | None = None
    """Perceptual roughness; no colour space."""
    photograph: UInt8[np.ndarray, "T T"] | None = None
    """How far each texel shows a photograph's own pixels, which later refinements leave as they are."""

    @property
    def size(self) -> int:
        """Side in texels."""
        return len(self.albedo)
