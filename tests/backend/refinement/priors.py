# SPDX-License-Identifier: GPL-3.0-or-later
"""Small real priors: one sharpens and tints what it sees, one paints the surface's normals where it may."""

from collections.abc import Generator

import cv2
import numpy as np

from backend.geometry.cameras import orbit
from backend.refinement.prior import PriorSettings, Step, View, Wish
from backend.surface.mesh import Mesh
from backend.texture.differentiable import Texels, texture_view
from backend.texture.maps import TextureSet


class Sharpener:
    """Sharpens the view and moves it towards red, as far as the wish's strength says."""

    name = "sharpener"

    def __init__(self, size: int = 64, red: float = 60.0, edge: float = 1.0) -> None:
        self.size, self.red, self.edge = size, red, edge
        self.views: list[View] = []
        self.wishes: list[Wish] = []
        self.closed = 0

    def paint(self, view: View, wish: Wish) -> Generator[Step, None, np.ndarray]:
        self.views.append(view)
        self.wishes.append(wish)
        image = view.image.astype(np.float32)
        try:
            yield Step(0.5, view.image)
        except GeneratorExit:
            self.closed += 1
            raise
        out = image + self.edge * wish.strength * (image - np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5)))
        out[..., 0] += self.red * wish.strength
        out = view.keep[..., None] * image + (1 - view.keep[..., None]) * out
        yield Step(1.0)
        return np.clip(out, 0, 255).astype(np.uint8)


class Orienter:
    """Paints world-independent truth: where it may generate, the colour of the side it looks from."""

    name = "orienter"

    def __init__(self, size: int = 64) -> None:
        self.size = size
        self.views: list[View] = []

    def paint(self, view: View, wish: Wish) -> Generator[Step, None, np.ndarray]:
        self.views.append(view)
        yield Step(1.0)
        own = np.full_like(view.image, 200)
        own[..., 2] = 60
        return np.where(view.keep[..., None] > 0.5, view.image, own)


class Knowing:
    """Paints what a texture shows from where the view is taken."""

    name = "knowing"

    def __init__(self, mesh: Mesh, truth: TextureSet, size: int = 64) -> None:
        self.mesh, self.size = mesh, size
        self.texels = Texels.of(truth.coverage)
        self.rows = truth.albedo[truth.coverage].astype(np.float32)

    def paint(self, view: View, wish: Wish) -> Generator[Step, None, np.ndarray]:
        yield Step(1.0)
        look = texture_view(self.mesh, orbit(view.azimuth, view.elevation), self.size, self.texels)
        cover = look.cover[..., None]
        return np.clip(cover * look.render(self.rows) + 255 * (1 - cover) + 0.5, 0, 255).astype(np.uint8)


def load(settings: PriorSettings) -> Sharpener:
    """As `PRIORS` names loaders."""
    return Sharpener()


class Moody:
    """Gives each seed a tone of its own, as samplers do, and each picture its grain; what is kept stays."""

    name = "moody"

    def __init__(self, size: int = 64) -> None:
        self.size = size

    def paint(self, view: View, wish: Wish) -> Generator[Step, None, np.ndarray]:
        random = np.random.default_rng(wish.seed)
        yield Step(0.5)
        tone = random.uniform(-60, 60, 3) * wish.strength
        grain = random.normal(0, 12, view.image.shape) * wish.strength
        changed = view.image + tone + grain
        keep = view.keep[..., None]
        return np.clip(keep * view.image + (1 - keep) * changed, 0, 255).astype(np.uint8)
