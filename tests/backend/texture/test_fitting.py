# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.geometry.cameras import orbit
from backend.texture.differentiable import Texels, TextureView, texture_view
from backend.texture.fitting import fit_picture, information
from tests.backend.texture.ball import ball


def look(side: int = 64, azimuth: float = 0.0) -> TextureView:
    mesh, textures = ball()
    return texture_view(mesh, orbit(azimuth), side, Texels.of(textures.coverage))


def test_the_texture_of_a_picture_shows_that_picture() -> None:
    view = look()
    truth = np.random.default_rng(0).random((len(view.texels), 3)).astype(np.float32)
    picture = view.render(truth)
    start = np.full_like(truth, 0.5)
    fitted = fit_picture(view, picture, np.ones((64, 64), np.float32), start, np.full(len(start), 1e-3, np.float32))
    inner = view.cover == 1
    before, after = (np.abs(view.render(rows) - picture)[inner].mean() for rows in (start, fitted))
    assert after < 0.05 * before


def test_what_is_known_weighs_against_what_is_new() -> None:
    view = look()
    start = np.zeros((len(view.texels), 1), np.float32)
    ones, quarter = np.ones((64, 64, 1), np.float32), np.full((64, 64), 0.25, np.float32)
    seen = information(view, quarter)[1]
    fitted = fit_picture(view, ones, quarter, start, np.full(len(start), 0.75, np.float32))
    # The weighted mean of 0, known with 0.75, and 1, seen with 0.25.
    assert abs(np.median(fitted[seen]) - 0.25) < 0.01
    assert not fitted[~seen].any()


def test_texels_that_are_not_free_stay_bit_for_bit() -> None:
    view = look()
    start = np.random.default_rng(1).random((len(view.texels), 3)).astype(np.float32)
    free = np.arange(len(start)) % 2 == 0
    fitted = fit_picture(view, np.ones((64, 64, 3)), np.ones((64, 64)), start, np.full(len(start), 0.02), free)
    assert np.array_equal(fitted[~free], start[~free])
    assert np.abs(fitted[free] - start[free]).max() > 0.1


def test_detail_finer_than_the_picture_survives() -> None:
    view = look(side=20)
    checks = (np.indices((256, 256)).sum(0) % 2).astype(np.float32)[view.texels.coverage][:, None]
    lighter = view.render(checks) * 0.5 + 0.3
    fitted = fit_picture(view, lighter, np.ones((20, 20)), checks, np.full(len(checks), 1e-3, np.float32))
    weight, seen = information(view, view.cover == 1)
    well = seen & (weight > 0.99)
    assert abs(fitted[well].mean() - 0.55) < 0.02
    even = checks[:, 0] > 0.5
    assert fitted[well & even].mean() - fitted[well & ~even].mean() > 0.8


def test_information_is_the_mean_weight_of_the_pixels() -> None:
    view = look()
    weight, seen = information(view, np.full((64, 64), 0.4, np.float32))
    assert np.allclose(weight[seen], 0.4, atol=1e-3) and not weight[~seen].any()
    assert 0.2 < seen.mean() < 0.7
