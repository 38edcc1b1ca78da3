# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import numpy as np
import pytest

from backend.faces.networks import FaceFinder
from backend.faces.portrait import Portrait
from backend.geometry.cameras import orbit
from backend.refinement.registration import UNSEEN
from backend.refinement.reproject import lay_portrait, reproject
from backend.surface.mesh import Mesh
from backend.texture.maps import TextureSet
from backend.texture.preview import picture


def test_the_photograph_comes_back_on_the_head_it_was_painted_on(
    head, portrait: Portrait, mesh: Mesh, textures: TextureSet, finder: FaceFinder
) -> None:
    (better,) = reproject(head, mesh, textures, portrait, size=512, finder=finder)
    assert better.level == textures.level + 1 and better.notes == ()
    assert np.array_equal(better.coverage, textures.coverage)
    camera = orbit(0.0, 0.0, 4.4, 0.16, (0.0, 0.12, 0.0))  # the face alone
    before, after = (picture(mesh, each, camera, 96, lit=False).astype(float) for each in (textures, better))
    assert np.abs(after - before).mean() < 12
    assert finder.landmarks(picture(mesh, better, orbit(0.0), 256)) is not None


def test_the_back_stays_the_fields(
    head, portrait: Portrait, mesh: Mesh, textures: TextureSet, finder: FaceFinder
) -> None:
    (better,) = reproject(head, mesh, textures, portrait, size=512, finder=finder)
    behind = orbit(np.pi, 0.0, 4.4, 0.1, (0.0, 0.3, 0.0))
    view = picture(mesh, better, behind, 64, lit=False).astype(float)
    assert np.ptp(view.mean((0, 1))) < 40, "hair stays grey, not skin"
    assert view.std((0, 1)).max() < 20, "and even"


def test_without_a_face_it_says_so_and_still_paints(
    head, portrait: Portrait, mesh: Mesh, textures: TextureSet, blind: FaceFinder
) -> None:
    (better,) = reproject(head, mesh, textures, portrait, size=256, finder=blind)
    assert better.notes == (UNSEEN,)
    assert better.size == 256, "textures of another size are baked anew"


def test_a_portrait_is_needed(head, mesh: Mesh, textures: TextureSet) -> None:
    with pytest.raises(ValueError, match="portrait"):
        next(iter(reproject(head, mesh, textures, None, size=64)))


def test_on_a_head_without_colours_the_photographs_own_spread(
    portrait: Portrait, mesh: Mesh, textures: TextureSet, blind: FaceFinder
) -> None:
    clay = replace(textures, albedo=np.full_like(textures.albedo, 200))
    nowhere = np.zeros(textures.coverage.shape, bool)
    laid = lay_portrait(mesh, clay, portrait, finder=blind, known=nowhere)
    behind = orbit(np.pi, 0.0, 4.4, 0.1, (0.0, 0.3, 0.0))
    view = picture(mesh, laid, behind, 48, lit=False).astype(float)
    assert view.mean() < 150 and view.std((0, 1)).max() < 25, "no clay is left, and it is even"
    assert laid.photograph is not None and laid.photograph.max() > 250
