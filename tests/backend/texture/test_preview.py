# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.geometry.cameras import orbit
from backend.surface.mesh import Mesh
from backend.texture.bake import bake
from backend.texture.maps import TextureSet
from backend.texture.preview import bilinear, picture, preview, to_linear, to_srgb
from tests.analytic import BustField


def grey(size: int = 32) -> TextureSet:
    return TextureSet(np.full((size, size, 3), 128, np.uint8), np.ones((size, size), bool), 0)


def test_the_strip_has_four_views_that_differ(bust: Mesh) -> None:
    strip = preview(bust, bake(BustField(), bust, 128), 64)
    assert strip.shape == (64, 256, 3) and strip.dtype == np.uint8
    views = strip.reshape(64, 4, 64, 3).transpose(1, 0, 2, 3).astype(int)
    assert all(np.abs(views[a] - views[b]).mean() > 2 for a in range(4) for b in range(a))


def test_the_whole_bust_is_in_the_picture(bust: Mesh) -> None:
    unlit = picture(bust, grey(), orbit(0.0), 64, lit=False)
    shown = (unlit == 128).all(-1)
    assert shown.any() and not shown[0].any() and not shown[:, 0].any() and not shown[:, -1].any()


def test_edges_are_smooth_and_light_is_gentle(bust: Mesh) -> None:
    image = picture(bust, grey(), orbit(0.0), 64).astype(int)
    middle = image[10:30, 24:40, 0]
    assert middle.min() > 80 and middle.max() < 180
    assert np.ptp(middle) > 5, "shape shows"
    rim = (image[..., 0] > 150) & (image[..., 0] < 200)
    assert rim.any()


def test_colour_round_trip() -> None:
    values = np.linspace(0, 1, 101, dtype=np.float32)
    assert np.allclose(to_srgb(to_linear(values)), values, atol=1e-5)
    assert np.isclose(to_linear(np.float32(0.5)), 0.2140, atol=1e-4)


def test_bilinear_reproduces_a_plane() -> None:
    row, column = np.mgrid[0:6, 0:8].astype(np.float32)
    image = np.stack([row, column], -1)
    places = np.random.default_rng(0).random((50, 2)).astype(np.float32) * [7, 5]
    assert np.allclose(bilinear(image, places.astype(np.float32)), places[:, ::-1], atol=1e-5)
    assert np.allclose(bilinear(image, np.array([[-3, 20]], np.float32)), [[5, 0]])
