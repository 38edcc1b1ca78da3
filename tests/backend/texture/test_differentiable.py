# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.geometry.cameras import orbit
from backend.surface.mesh import Mesh
from backend.texture.differentiable import Texels, texture_view
from tests.backend.texture.ball import ball


@pytest.mark.parametrize("side", [24, 96, 300])
def test_the_transpose_is_exact_whether_texels_shrink_or_grow(side: int) -> None:
    mesh, textures = ball()
    view = texture_view(mesh, orbit(0.4, 0.2), side, Texels.of(textures.coverage))
    random = np.random.default_rng(side)
    rows = random.normal(size=(len(view.texels), 3)).astype(np.float32)
    picture = random.normal(size=(side, side, 3)).astype(np.float32)
    forth = (view.render(rows).astype(np.float64) * picture).sum()
    back = (rows.astype(np.float64) * view.pull_back(picture)).sum()
    assert forth == pytest.approx(back, rel=1e-4, abs=1e-3)


def test_mip_levels_grow_as_the_picture_shrinks() -> None:
    mesh, textures = ball()
    texels = Texels.of(textures.coverage)
    near, far = (texture_view(mesh, orbit(0.0), side, texels).level for side in (400, 24))
    assert near.mean() < 0.2 and far.mean() > 1


def test_a_picture_shows_the_balls_positions() -> None:
    mesh, textures = ball()
    view = texture_view(mesh, orbit(0.7), 64, Texels.of(textures.coverage))
    picture = view.render(textures.albedo[textures.coverage] / np.float32(255))
    truth = view.average(view.raster.interpolate(mesh.faces, mesh.vertices)) * 0.5 + 0.5
    whole = view.cover == 1
    assert whole.sum() > 500
    assert np.abs(picture - truth)[whole].max() < 0.03
    assert not picture[view.cover == 0].any()


def test_constant_texels_give_a_constant_picture() -> None:
    mesh, textures = ball()
    view = texture_view(mesh, orbit(0.0), 48, Texels.of(textures.coverage))
    picture = view.render(np.ones((len(view.texels), 1), np.float32))
    assert np.allclose(picture[view.cover > 0], 1, atol=1e-5)


def test_texels_come_back_from_their_image() -> None:
    _, textures = ball()
    texels = Texels.of(textures.coverage)
    rows = np.arange(len(texels), dtype=np.float32)[:, None]
    image = texels.image(rows)
    assert np.array_equal(image[textures.coverage], rows) and image.shape == (256, 256, 1)


def test_a_mesh_without_coordinates_is_refused() -> None:
    mesh, textures = ball()
    with pytest.raises(ValueError, match="unwrap"):
        texture_view(Mesh(mesh.vertices, mesh.faces), orbit(0.0), 16, Texels.of(textures.coverage))
