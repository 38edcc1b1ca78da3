# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import numpy as np
import pytest

from backend.geometry.cameras import orbit
from backend.refinement.heads import place
from backend.surface.mesh import Mesh
from backend.surface.user_head import HeadError, UserHead
from backend.texture.maps import TextureSet
from backend.texture.preview import lookup
from backend.texture.raster import raster_view


@pytest.fixture(scope="module")
def user(mesh: Mesh, textures: TextureSet) -> UserHead:
    """The painted head in millimetres, Z up, with its texture."""
    turn = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
    vertices = (200 * mesh.vertices @ turn.T).astype(np.float32)
    return UserHead(vertices=vertices, faces=mesh.faces, uv=mesh.uv, image=textures.albedo)


def colours(mesh: Mesh, textures: TextureSet) -> np.ndarray:
    return lookup(textures, mesh, raster_view(mesh, orbit(0.3), 96, 96))


def test_a_head_stands_in_the_box_with_its_own_picture(user: UserHead, finder) -> None:
    placed = place(user, finder)
    assert placed.layout == "own" and placed.coloured and placed.paintable is None
    assert placed.textures.size == 512 and not placed.turned.any()
    assert np.array_equal(placed.mesh.faces, user.faces) and placed.mesh.uv is user.uv
    covered = placed.textures.coverage
    assert np.array_equal(placed.textures.albedo[covered], user.image[covered]), "nothing was resampled"
    assert placed.mesh.vertices[:, 1].max() < 1.2


def test_a_picture_on_new_coordinates_shows_the_same_head(user: UserHead, finder) -> None:
    own, new = place(user, finder), place(user, finder, layout="new", size=512)
    assert new.layout == "new"
    assert np.array_equal(new.mesh.vertices[new.mesh.faces], own.mesh.vertices[own.mesh.faces])
    before, after = colours(own.mesh, own.textures), colours(new.mesh, new.textures)
    assert np.abs(before - after).mean() < 4


def test_what_lies_inside_out_is_given_back_in_its_own_order(user: UserHead, finder) -> None:
    inward = replace(user, faces=np.ascontiguousarray(user.faces[:, ::-1]))
    placed = place(inward, finder)
    assert placed.turned.all() and "look inward" in placed.notes[0]
    assert np.array_equal(placed.mesh.faces, user.faces) and np.array_equal(placed.as_given().faces, inward.faces)


def test_only_what_is_under_mask_and_weight_comes_back_changed(user: UserHead, finder) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:, :32] = 255
    weight = (user.vertices[:, 0] > 0).astype(np.float32)
    placed = place(replace(user, mask=mask, weight=weight), finder)
    assert placed.paintable is not None and 0 < placed.paintable.mean() < 0.5
    assert not placed.paintable[:, 260:].any()
    red = replace(placed.textures, albedo=np.full_like(placed.textures.albedo, (255, 0, 0)))
    back = placed.returned(red).albedo
    changed = (back != user.image).any(-1)
    assert changed.any() and not changed[(placed.paintable <= 0) & placed.textures.coverage].any()
    assert (back[placed.paintable > 0.5] == (255, 0, 0)).all()
    away = np.zeros_like(changed)
    away[:, 300:] = True
    assert not changed[away].any(), "the picture beside the mesh stays"


def test_without_colours_it_is_clay_and_without_coordinates_it_gets_some(user: UserHead, finder, blind) -> None:
    placed = place(replace(user, uv=None, image=None), blind, up="Z", front="-Y")
    assert placed.layout == "new" and not placed.coloured and placed.textures.size == 1024
    assert len(np.unique(placed.textures.albedo)) == 1
    assert len(placed.notes) == 1 and "no face was recognised" in placed.notes[0]


def test_coordinates_that_cannot_hold_it_are_replaced_or_refused(user: UserHead, finder) -> None:
    tiled = replace(user, uv=user.uv * np.float32(2), image_uv=user.uv)
    placed = place(tiled, finder)
    assert placed.layout == "new" and "lie in several tiles" in placed.notes[0]
    with pytest.raises(HeadError, match="lie in several tiles"):
        place(tiled, finder, layout="own")
    with pytest.raises(HeadError, match="256 to 4096 texels"):
        place(user, finder, size=8192)
