# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.faces.networks import FaceFinder
from backend.faces.portrait import Portrait
from backend.refinement import REFINERS
from backend.refinement.prior import PRIORS, Step
from backend.surface.mesh import Mesh
from backend.texture.maps import TextureSet


def test_every_refiner_keeps_the_contract(
    head, portrait: Portrait, mesh: Mesh, textures: TextureSet, finder: FaceFinder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PRIORS:
        monkeypatch.setitem(PRIORS, name, "tests.backend.refinement.priors:load")
    for name, refiner in REFINERS.items():
        level = textures.level
        given = portrait if refiner.needs_portrait else None
        for better in refiner.refine(head, mesh, textures, given, size=512):
            if isinstance(better, Step):
                continue
            assert better.level > level, name
            assert better.coverage[textures.coverage].all(), name
            assert better.size == 512
            level = better.level


def test_the_table_names_what_it_needs() -> None:
    assert REFINERS["reproject"].needs_portrait and not REFINERS["resample"].needs_portrait
    assert set(PRIORS) <= set(REFINERS)
