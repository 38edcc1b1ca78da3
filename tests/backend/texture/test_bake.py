# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import torch

from backend.geometry.cameras import orbit
from backend.geometry.rendering import render
from backend.surface.mesh import Mesh
from backend.texture.bake import bake, colours, finish, quantise, texel_points
from backend.texture.preview import lookup
from backend.texture.raster import raster_uv, raster_view
from tests.analytic import BustField


def test_each_covered_texel_has_its_points_colour(bust: Mesh) -> None:
    textures = bake(BustField(), bust, 128)
    points = texel_points(bust, raster_uv(bust, 128))
    expected = BustField().rgb(torch.from_numpy(points)).numpy() * 255
    assert np.abs(textures.albedo[textures.coverage] - expected).max() <= 0.51
    assert textures.level == 0 and textures.size == 128
    assert abs(textures.coverage.mean() - 0.55) < 0.2


def test_a_baked_texture_looks_like_the_field(bust: Mesh) -> None:
    camera = orbit(0.4)
    textures = bake(BustField(), bust, 512)
    raster = raster_view(bust, camera, 64, 64)
    field = render(BustField(), camera, 64, 64)
    shown = raster.face >= 0
    both = shown & (field.alpha.numpy() == 1)
    image = np.zeros((64, 64, 3), np.float32)
    image[shown] = lookup(textures, bust, raster) / 255
    assert np.abs(image[both] - field.rgb.numpy()[both]).mean() < 0.01


def test_seams_agree(bust: Mesh) -> None:
    """Vertices split along a seam read the same colour on either side."""
    textures = bake(BustField(), bust, 512)
    assert bust.uv is not None
    column, row = np.clip((bust.uv * [1, -1] + [0, 1]) * 512, 0, 511).astype(int).T
    read = textures.albedo[row, column].astype(int)
    expected = quantise(colours(BustField(), bust.vertices)).astype(int)
    assert np.abs(read - expected).max() <= 4


def test_no_points_have_no_colours() -> None:
    assert colours(BustField(), np.zeros((0, 3), np.float32)).shape == (0, 3)


def test_finishing_adds_maps_of_the_same_size(bust: Mesh) -> None:
    plain = bake(BustField(), bust, 128)
    done = finish(BustField(), bust, plain)
    assert done.albedo is plain.albedo and done.level == plain.level
    assert done.normal.shape == (128, 128, 3)
    assert done.occlusion.shape == done.roughness.shape == (128, 128)
    assert np.linalg.norm(done.normal[done.coverage] / 127.5 - 1, axis=1).min() > 0.97
    assert done.occlusion[done.coverage].max() > 240
    assert 100 < done.roughness[done.coverage].min() <= done.roughness[done.coverage].max() < 230
