# SPDX-License-Identifier: GPL-3.0-or-later
"""A small ball with texture coordinates, whose colours are its positions."""

from functools import lru_cache

from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.mesh import Mesh
from backend.surface.unwrap import unwrap
from backend.texture.bake import bake
from backend.texture.maps import TextureSet
from tests.analytic import SphereField


@lru_cache(2)
def ball(size: int = 256) -> tuple[Mesh, TextureSet]:
    """The mesh and its texture."""
    field = SphereField()
    mesh = unwrap(clean(extract(field, 48), 1500), size)
    return mesh, bake(field, mesh, size)
