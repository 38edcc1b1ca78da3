# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.geometry.cameras import Camera, orbit
from backend.surface.mesh import Mesh
from backend.texture.raster import mix, raster_uv, raster_view
from tests.analytic import BustField

SQUARE = Mesh(
    np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32),
    np.array([[0, 1, 2], [0, 2, 3]], np.int32),
    np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32),
)


def test_a_textured_square_covers_every_texel_where_it_should() -> None:
    raster = raster_uv(SQUARE, 16)
    assert (raster.face >= 0).all()
    assert np.allclose(raster.weights.sum(2), 1, atol=1e-6)
    points = raster.interpolate(SQUARE.faces, SQUARE.vertices).reshape(16, 16, 3)
    centres = (np.arange(16) + 0.5) / 16
    assert np.allclose(points[..., 0], centres[None], atol=1e-6)
    assert np.allclose(points[..., 1], centres[::-1, None], atol=1e-6), "top row first, origin bottom left"


def test_covered_texels_are_those_whose_centre_lies_inside() -> None:
    rng = np.random.default_rng(0)
    size = 64
    for _ in range(20):
        uv = rng.random((3, 2)).astype(np.float32)
        mesh = Mesh(np.zeros((3, 3), np.float32), np.array([[0, 1, 2]], np.int32), uv)
        y, x = np.mgrid[0:size, 0:size] + 0.5
        pixels = np.stack([uv[:, 0], 1 - uv[:, 1]], 1).astype(np.float64) * size
        sides = [
            (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
            for a, b in zip(pixels, np.roll(pixels, -1, 0), strict=True)
        ]
        inside = np.logical_or(np.all(np.array(sides) > 1e-6, 0), np.all(np.array(sides) < -1e-6, 0))
        covered = raster_uv(mesh, size).face == 0
        assert (covered | ~inside).all()
        assert (covered ^ inside).sum() <= 5, "corners claim the texels they lie in"


def test_a_face_smaller_than_a_texel_claims_one() -> None:
    uv = np.array([[0.51, 0.51], [0.512, 0.51], [0.51, 0.512]], np.float32)
    raster = raster_uv(Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), uv), 8)
    assert (raster.face == 0).sum() == 1
    assert np.isclose(raster.weights.sum(), 1)


def test_a_view_shows_the_nearest_face_and_interpolates_under_perspective(bust: Mesh) -> None:
    camera = orbit(0.5, 0.2)
    raster = raster_view(bust, camera, 80, 80)
    shown = raster.face.reshape(-1) >= 0
    points = torch.from_numpy(raster.interpolate(bust.faces, bust.vertices))
    place, depth = camera.project(points)
    centres = camera.project(camera.rays(80, 80).origins + camera.rays(80, 80).directions)[0][torch.from_numpy(shown)]
    assert (place - centres).abs().max() < 1e-4, "what a pixel shows projects into that pixel"
    assert np.allclose(depth.numpy(), raster.depth.reshape(-1)[shown], atol=1e-4)
    # Nothing lies before it: a little nearer to the camera is air.
    towards = torch.nn.functional.normalize(camera.cam_to_world[:3, 3] - points, dim=-1)
    assert (BustField().sdf(points + 0.05 * towards) > -0.02).all()


def test_faces_behind_the_camera_are_left_out() -> None:
    camera = Camera(torch.eye(4), torch.eye(3))
    behind = Mesh(SQUARE.vertices - np.array([0, 0, 2], np.float32), SQUARE.faces)
    assert (raster_view(behind, camera, 8, 8).face < 0).all()


def test_texture_space_needs_coordinates() -> None:
    with pytest.raises(ValueError, match="unwrap"):
        raster_uv(Mesh(SQUARE.vertices, SQUARE.faces), 8)


def test_mix_is_a_weighted_sum() -> None:
    values = np.random.default_rng(1).random((5, 2)).astype(np.float32)
    corners, weights = np.array([[0, 2, 4]], np.int32), np.array([[0.2, 0.3, 0.5]], np.float32)
    assert np.allclose(mix(corners, weights, values), weights @ values[[0, 2, 4]])
