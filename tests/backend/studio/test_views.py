# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.geometry.alignment import face_square
from backend.geometry.cameras import orbit
from backend.studio.assets import Pack
from backend.studio.parameters import sample_parameters
from backend.studio.people import Part, Person, build_person
from backend.studio.views import Scene, portrait_camera, render_view


def square(z: float, colour: tuple[int, int, int, int], half: float = 0.5) -> Part:
    vertices = np.array([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]], np.float32)
    texture = np.full((4, 4, 4), colour, np.uint8)
    triangles = np.array([[0, 1, 2], [0, 2, 3]])
    return Part("card", vertices, triangles, np.full((2, 3, 2), 0.5, np.float32), texture)


def test_half_transparent_card_before_a_solid_one() -> None:
    scene = Scene((square(0.0, (255, 0, 0, 255)), square(0.3, (0, 0, 255, 102), half=0.25)))
    hits = scene.cast(np.array([[0.1, 0.05, 2], [0.4, 0.05, 2], [0.9, 0.05, 2]], np.float32),
                      np.tile(np.float32([0, 0, -1]), (3, 1)))  # fmt: skip
    np.testing.assert_allclose(hits.rgb, [[0.6, 0, 0.4], [1, 0, 0], [0, 0, 0]], atol=1e-3)
    np.testing.assert_allclose(hits.alpha, [1, 1, 0], atol=1e-6)
    np.testing.assert_allclose(hits.depth[:2], 2, atol=1e-3)
    assert np.isinf(hits.depth[2]) and np.allclose(hits.normal[:2], [0, 0, 1])


def test_view_agrees_with_its_camera() -> None:
    camera = orbit(0.0, 0.0)
    view = render_view(Scene((square(0.0, (255, 255, 255, 255)),)), camera, 64)
    covered = np.argwhere(view.alpha > 0.5)
    corner, _ = camera.project(torch.tensor([[-0.5, 0.5, 0.0]]))
    np.testing.assert_allclose(covered.min(0)[::-1] / 64, corner[0], atol=0.03)


@pytest.mark.parametrize("azimuth", [0.0, 0.3, -0.3])
def test_portrait_camera_puts_the_face_where_a_crop_would(pack: Pack, azimuth: float) -> None:
    person: Person = build_person(sample_parameters(1, pack), pack)
    camera = portrait_camera(person, azimuth, 0.05)
    landmarks = torch.from_numpy(np.stack([person.right_eye, person.left_eye, person.mouth])).float()
    image, depth = camera.project(landmarks)
    centre, x_half, _ = face_square(*image.numpy())
    np.testing.assert_allclose(centre, 0.5, atol=1e-4)
    np.testing.assert_allclose(np.hypot(*x_half), 0.5, atol=1e-4)
    assert (depth > 0).all()


def test_rays_end_where_they_leave_the_box() -> None:
    wide = Scene((square(0.0, (255, 0, 0, 255), half=2.0),), limit=0.9)
    origins = np.array([[0, 0, 2], [0.8, 0, 2], [1.5, 0, 2], [1.4, 0, 0.5]], np.float32)
    sideways = np.array([-0.8, 0, -0.5]) / np.linalg.norm([-0.8, 0, -0.5])
    directions = np.array([[0, 0, -1], [0.2, 0, -0.98], [0, 0, -1], sideways], np.float32)
    hits = wide.cast(origins, directions / np.linalg.norm(directions, axis=1, keepdims=True))
    # In the box; beyond its side; past the box; and on the border of it, straight from outside.
    np.testing.assert_allclose(hits.alpha, [1, 0, 0, 1], atol=1e-6)
    near = Scene((square(0.95, (255, 0, 0, 255)),), limit=0.9)
    assert near.cast(origins[:1], directions[:1]).alpha[0] == 1  # met before the box, which is then entered
