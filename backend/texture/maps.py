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

    @property
    def size(self) -> int:
        """Side in texels."""
        return len(self.albedo)
