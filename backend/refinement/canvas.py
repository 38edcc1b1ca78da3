# SPDX-License-Identifier: GPL-3.0-or-later
"""A texture while it is being painted: its colours as floats, and what is known of every texel."""

from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Shaped

from ..surface.mesh import Mesh
from ..texture.bake import quantise
from ..texture.differentiable import Texels
from ..texture.fill import fill
from ..texture.maps import TextureSet
from ..texture.raster import raster_uv

ORIGINAL = 0.003
"""Weight of the colours that were there before, against 1 for a pixel seen face on."""


class Canvas:
    """The albedo at the side at which it is optimised; finer detail of a larger texture stays as it is.

    `rows` may be replaced, `best` and `weight` grow; everything else is fixed.
    """

    def __init__(
        self,
        mesh: Mesh,
        textures: TextureSet,
        side: int,
        paintable: Float[np.ndarray, "T T"] | None = None,
        known: Shaped[np.ndarray, "T T"] | None = None,
    ) -> None:
        """`side` is at most that of the textures; masks are of the textures' side, None: everywhere."""
        self._textures = textures
        whole = side == textures.size
        coverage = textures.coverage if whole else raster_uv(mesh, side).face >= 0
        self.texels = Texels.of(coverage)
        """Which texels are rows of the arrays below."""
        self.rows = _shrunk(fill(textures.albedo, textures.coverage), side)[coverage] / np.float32(255)
        """sRGB in [0, 1]."""
        self._first = self.rows.copy()
        self.free = _mask(paintable, side, coverage)
        """How far a texel may change, in [0, 1]."""
        self.known = _mask(known, side, coverage) > 0.5
        """Texels with a colour worth starting from."""
        laid = None if textures.photograph is None else textures.photograph.astype(np.float32) / 255
        nowhere = np.zeros(len(self.rows), np.float32)
        self.photographed = nowhere if laid is None else _mask(laid, side, coverage)
        """How far a texel shows a photograph."""
        self.known |= self.photographed > 0.5
        self.best = self.photographed.copy()
        """Largest cosine to a camera that has painted a texel; 1 where a photograph lies."""
        self.weight = np.maximum(np.where(self.known, ORIGINAL, 0), self.best).astype(np.float32)
        """Sum of the weights of all that has been painted on a texel."""
        self._unknown = ~self.known

    @property
    def change(self) -> Float[np.ndarray, "N 3"]:
        """What painting has added so far."""
        return self.rows - self._first

    def textures(self, level: int, notes: tuple[str, ...] | None = None) -> TextureSet:
        """The set with the albedo as it is now, at its own side."""
        given = self._textures
        size = given.size
        if size == self.texels.size:
            albedo = np.zeros_like(given.albedo)
            # Texels that nothing has touched keep their bytes.
            moved = (np.abs(self.change) > 1e-6).any(1, keepdims=True)
            albedo[given.coverage] = np.where(moved, quantise(self.rows), given.albedo[given.coverage])
        else:
            added = np.where(self._unknown[:, None], 0, self.change)
            albedo = given.albedo.astype(np.float32) / 255 + _grown(self.texels.image(added), size)
            if self._unknown.any():
                fresh = _grown(self.texels.image(self._unknown[:, None].astype(np.float32)), size)
                albedo += fresh * (_grown(self.texels.image(self.rows), size) - albedo)
            albedo = quantise(albedo)
        kept = given.notes if notes is None else notes
        return replace(given, albedo=fill(albedo, given.coverage), level=level, notes=kept)


def _mask(values: np.ndarray | None, side: int, coverage: Bool[np.ndarray, "T T"]) -> Float[np.ndarray, " N"]:
    if values is None:
        return np.ones(int(coverage.sum()), np.float32)
    return _shrunk(values.astype(np.float32), side)[coverage]


def _shrunk(image: np.ndarray, side: int) -> np.ndarray:
    image = image.astype(np.float32)
    return image if len(image) == side else np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA))


def _grown(image: Float[np.ndarray, "T T C"], side: int) -> Float[np.ndarray, "S S C"]:
    larger = np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR))
    return larger.reshape(side, side, -1)
