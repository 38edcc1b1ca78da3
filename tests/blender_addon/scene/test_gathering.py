# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from blender_addon.scene.gathering import Colours, corner_sheet, shrunk, split, tiled


@pytest.fixture
def quad():
    """A square of two triangles: places, vertex of each corner, triangles of corners, polygons."""
    places = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    return places, np.array([0, 1, 2, 3]), np.array([[0, 1, 2], [0, 2, 3]]), np.array([0, 0])


def looked_up(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Bilinear values at coordinates with the origin bottom left."""
    height, width = picture.shape[:2]
    x, y = places[..., 0] * width - 0.5, (1 - places[..., 1]) * height - 0.5
    left, top = np.clip(np.floor(x).astype(int), 0, width - 2), np.clip(np.floor(y).astype(int), 0, height - 2)
    u, v = (x - left)[..., None], (y - top)[..., None]
    held = picture.astype(float)
    upper = held[top, left] * (1 - u) + held[top, left + 1] * u
    return upper * (1 - v) + (held[top + 1, left] * (1 - u) + held[top + 1, left + 1] * u) * v


def test_vertices_are_split_where_their_values_differ_and_only_there(quad) -> None:
    uv = np.array([[0, 0], [1, 0], [1, 1], [-0.0, 1]], np.float32)
    head = split(*quad, uv)
    assert len(head.vertices) == 4 and np.array_equal(head.vertices[head.faces], quad[0][[[0, 1, 2], [0, 2, 3]]])
    assert np.array_equal(head.uv[head.faces], uv[quad[2]])
    apart = np.array([[[0, 0], [1, 0], [1, 1]], [[0.5, 0], [1, 1], [0, 1]]], np.float32)
    head = split(*quad, uv, apart, np.array([0, 0.5, 1, 0.25], np.float32))
    assert len(head.vertices) == 5 and np.array_equal(head.image_uv[head.faces], apart)
    assert head.weight[head.faces].tolist() == [[0, 0.5, 1], [0, 1, 0.25]]
    assert set(head.arrays()) == {"vertices", "faces", "polygons", "uv", "image_uv", "weight"}


def test_without_coordinates_vertices_stay_as_they_are(quad) -> None:
    head = split(*quad, None)
    assert head.uv is None and len(head.vertices) == 4 and head.faces.dtype == np.int32


def test_several_pictures_in_one_show_what_they_showed() -> None:
    row, column = np.mgrid[0:64, 0:64]
    ramp = np.stack([4 * column, 4 * row, 0 * row], -1).astype(np.uint8)
    red = np.array([[[200, 10, 10]]], np.uint8)
    places = np.array([[[0.1, 0.2], [0.8, 0.2], [0.5, 0.9]], [[3.1, -0.8], [3.8, -0.8], [3.5, -0.1]]], np.float32)
    shown = [Colours(ramp, np.concatenate([places, places[:1]])), Colours(red, None)]
    sheet, where = tiled(shown, np.array([0, 0, 1]))
    assert sheet.shape[0] == sheet.shape[1]
    expected = looked_up(ramp, places[0])
    assert np.abs(looked_up(sheet, where[0]) - expected).max() < 2
    assert np.abs(looked_up(sheet, where[1]) - expected).max() < 2, "whole tiles away it is the same picture"
    assert np.allclose(looked_up(sheet, where[2]), [200, 10, 10])


def test_colours_at_corners_are_linear_over_each_triangle() -> None:
    colours = np.random.default_rng(0).integers(60, 190, (7, 3, 3)).astype(np.uint8)
    sheet, places = corner_sheet(colours)
    assert np.abs(looked_up(sheet, places) - colours).max() < 1e-3
    middle = looked_up(sheet, places.mean(axis=1))
    flat = (np.abs(colours[:, 1].astype(int) + colours[:, 2] - colours[:, 0] - 127) < 127).all(-1)
    assert flat.any() and np.abs(middle - colours.mean(axis=1))[flat].max() < 1


@pytest.mark.parametrize("size", [(3, 5), (7, 2), (16, 16), (40, 31)])
def test_shrinking_keeps_the_mean(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    small = shrunk(picture, *size)
    assert small.shape == (*size, 3)
    if max(size) <= 16:
        assert np.abs(small.mean((0, 1)) - picture.mean((0, 1))).max() < 1
    assert np.array_equal(shrunk(picture, 16, 16), picture)
