# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.geometry.cameras import Camera, orbit
from backend.geometry.rendering import render
from backend.surface.mesh import Mesh
from backend.texture.bake import quantise
from backend.texture.project import Photograph, project, smoothstep
from tests.analytic import BustField

CAMERA = orbit(0.3, 0.1)
STILL = np.zeros((8, 8, 2), np.float32)


def photograph(camera: Camera = CAMERA, shift: np.ndarray = STILL, side: int = 256) -> Photograph:
    view = render(BustField(), camera, side, side)
    return Photograph(quantise(view.rgb.numpy()), view.alpha.numpy(), camera, shift)


def test_a_picture_of_the_field_returns_the_fields_colours(bust: Mesh) -> None:
    seen = project(photograph(), bust, bust.vertices, bust.normals())
    trusted = seen.weight > 0.8
    assert 0.1 < trusted.mean() < 0.5
    assert np.abs(seen.rgb[trusted] - (bust.vertices[trusted] * 0.5 + 0.5)).mean() < 0.01


def test_the_far_side_and_grazing_faces_are_not_trusted(bust: Mesh) -> None:
    normals = bust.normals()
    seen = project(photograph(), bust, bust.vertices, normals)
    towards = CAMERA.cam_to_world[:3, 3].numpy() - bust.vertices
    facing = (normals * towards).sum(1) / np.linalg.norm(towards, axis=1)
    assert (seen.weight[facing < -0.1] == 0).all()
    assert seen.weight[facing < 0.1].mean() < 0.02


def test_what_hides_behind_something_takes_no_colour_from_it(bust: Mesh) -> None:
    """From above, the ball hides the neck's foot although the neck's upper side faces the camera."""
    camera = orbit(0.0, 1.2)
    points = np.array([[0.0, -0.6, 0.1], [0.0, 0.75, 0.0]], np.float32)
    normals = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]], np.float32)
    seen = project(photograph(camera), bust, points, normals)
    assert seen.weight[0] == 0 and seen.weight[1] > 0.9


def test_background_is_not_trusted_and_a_shift_moves_where_colours_come_from(bust: Mesh) -> None:
    moved = np.full((8, 8, 2), [0.05, 0.0], np.float32)
    points = np.array([[0.0, 0.3, 0.45]], np.float32)
    normal = np.array([[0.0, 0.0, 1.0]], np.float32)
    still = project(photograph(), bust, points, normal)
    shifted = project(photograph(shift=moved), bust, points, normal)
    assert shifted.rgb[0, 0] - still.rgb[0, 0] > 0.02, "red grows to the right"
    away = project(photograph(shift=np.full((8, 8, 2), [0.45, 0.0], np.float32)), bust, points, normal)
    assert away.weight[0] == 0


def test_smoothstep() -> None:
    assert np.allclose(smoothstep(np.array([-1.0, 0.2, 0.5, 0.8, 2.0]), 0.2, 0.8), [0, 0, 0.5, 1, 1])
