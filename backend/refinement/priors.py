# SPDX-License-Identifier: GPL-3.0-or-later
"""Priors for views as refiners of generated avatars: loaded once for a process, named in `REFINERS`."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from ..faces.portrait import Portrait
from ..geometry.fields import Field
from ..surface.mesh import Mesh
from ..texture.maps import TextureSet
from .base import Refine
from .prior import PriorSettings, Step, ViewPrior, Wish, load_prior
from .progressive import refine_views

AVATAR_VIEWS = 8
FACE_VIEWS = ((0.0, 0.0),)
"""Azimuth and elevation of the views by which faces are sharpened, radians."""
AVATAR_STRENGTH = 0.4
"""Of an update: an avatar's texture lacks detail, not identity."""


@lru_cache(1)
def _kept(name: str, device: str, folder: str, options: tuple[tuple[str, str], ...]) -> ViewPrior:
    settings = PriorSettings(device=device, folder=Path(folder) if folder else None, options=dict(options))
    return load_prior(name, settings)


def loaded_prior(name: str, settings: PriorSettings) -> ViewPrior:
    """A prior, the same object as before if nothing else was asked for in between. Raises PriorError."""
    folder = "" if settings.folder is None else str(settings.folder)
    return _kept(name, settings.device, folder, tuple(sorted(settings.options.items())))


def painted_by(name: str, views: int | Sequence[tuple[float, float]] = AVATAR_VIEWS) -> Refine:
    """The refiner that repaints an avatar's views with the named prior."""

    def refine(
        field: Field,
        mesh: Mesh,
        textures: TextureSet,
        portrait: Portrait | None,
        *,
        size: int,
        wish: Wish | None = None,
    ) -> Iterator[TextureSet | Step]:
        prior = loaded_prior(name, PriorSettings())
        wanted = wish or Wish(strength=AVATAR_STRENGTH)
        # Where `reproject` laid the portrait before, the textures say so themselves.
        yield (yield from refine_views(mesh, textures, prior, wanted, views, size))

    return refine
