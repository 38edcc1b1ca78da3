# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.surface.mesh import Mesh
from backend.texture.raster import raster_uv
from backend.texture.transfer import resized, transfer, weights


@pytest.fixture
def square() -> Mesh:
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    return Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32), corners[:, :2].copy())


@pytest.fixture
def picture() -> np.ndarray:
    """A smooth one, 32 rows of 64."""
    row, column = np.mgrid[0:32, 0:64]
    return np.stack([4 * column, 8 * row, 2 * column + 2 * row], -1).clip(0, 255).astype(np.uint8)


def test_the_same_layout_at_the_same_size_is_the_same_picture(square: Mesh) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    raster = raster_uv(square, 32)
    assert np.array_equal(transfer(noise, square.uv, square, raster).reshape(32, 32, 3), noise)
    assert np.array_equal(resized(noise, 32), noise)


def test_a_turned_layout_shows_the_picture_turned_back(square: Mesh, picture: np.ndarray) -> None:
    # Where the new layout is at (u, v), the old picture is looked up at (v, 1 - u).
    places = np.stack([square.uv[:, 1], 1 - square.uv[:, 0]], 1)
    raster = raster_uv(square, 64)
    seen = transfer(picture, places, square, raster).reshape(64, 64, 3)
    expected = np.rot90(resized(picture, 64))
    assert np.abs(seen[2:-2, 2:-2].astype(int) - expected[2:-2, 2:-2]).max() <= 6


def test_outside_the_square_the_picture_repeats(square: Mesh, picture: np.ndarray) -> None:
    raster = raster_uv(square, 16)
    near, far = (transfer(picture, square.uv + shift, square, raster) for shift in (np.float32(0), np.float32(-3)))
    assert np.abs(near.astype(int) - far).max() <= 1


def test_fine_detail_is_averaged_and_not_skipped(square: Mesh) -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 200
    seen = transfer(stripes, square.uv, square, raster_uv(square, 32))
    assert np.abs(seen.astype(int) - 100).max() <= 1
    mask = weights(stripes[..., 0], square.uv, square, raster_uv(square, 32))
    assert np.allclose(mask, 100 / 255, atol=0.01)
