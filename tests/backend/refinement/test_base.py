# SPDX-License-Identifier: GPL-3.0-or-later
from backend.faces.networks import FaceFinder
from backend.faces.portrait import Portrait
from backend.refinement import REFINERS
from backend.surface.mesh import Mesh
from backend.texture.maps import TextureSet


def test_every_refiner_keeps_the_contract(
    head, portrait: Portrait, mesh: Mesh, textures: TextureSet, finder: FaceFinder
) -> None:
    for name, refiner in REFINERS.items():
        level = textures.level
        given = portrait if refiner.needs_portrait else None
        for better in refiner.refine(head, mesh, textures, given, size=512):
            assert better.level > level, name
            assert better.coverage[textures.coverage].all(), name
            assert better.size == 512
            level = better.level


def test_the_table_names_what_it_needs() -> None:
    assert REFINERS["reproject"].needs_portrait and not REFINERS["resample"].needs_portrait
