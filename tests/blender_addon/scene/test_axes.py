# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from blender_addon.scene import axes


def random_pose(rng: np.random.Generator) -> np.ndarray:
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    pose = np.eye(4)
    pose[:3, :3] = rotation * np.sign(np.linalg.det(rotation))
    pose[:3, 3] = rng.normal(size=3)
    return pose


def test_the_face_looks_along_minus_y_and_the_base_lies_on_the_floor():
    nose, crown, base = np.array([[0.0, 0.1, 0.5], [0.0, 0.87, 0.0], [0.3, -1.0, 0.2]])
    scene = axes.points_to_blender(np.stack([nose, crown, base]))
    assert scene[0, 1] == pytest.approx(-0.1)
    assert scene[2, 2] == 0
    assert scene[1, 2] > scene[0, 2] > 0


def test_a_head_of_1_15_units_is_23_centimetres_tall():
    chin, crown = axes.points_to_blender(np.array([[0.0, -0.28, 0.1], [0.0, 0.87, 0.0]]))
    assert crown[2] - chin[2] == pytest.approx(0.23)


def test_left_stays_left_so_that_nothing_is_mirrored():
    assert np.linalg.det(axes.BOX_TO_BLENDER) == pytest.approx(1)
    assert axes.points_to_blender(np.array([[0.5, 0.0, 0.0]]))[0, 0] > 0


def test_points_round_trip_in_their_own_float_type():
    points = np.random.default_rng(1).uniform(-1, 1, (100, 3)).astype(np.float32)
    scene = axes.points_to_blender(points)
    assert scene.dtype == np.float32
    np.testing.assert_allclose(axes.points_to_box(scene), points, atol=1e-6)
    linear = points @ axes.BOX_TO_BLENDER.T * axes.METRES_PER_UNIT
    np.testing.assert_allclose(scene - linear, np.tile([[0, 0, 0.2]], (100, 1)), atol=1e-6)


def test_camera_poses_round_trip():
    rng = np.random.default_rng(2)
    for _ in range(10):
        pose = random_pose(rng)
        np.testing.assert_allclose(axes.camera_to_box(axes.camera_to_blender(pose)), pose, atol=1e-12)


def test_a_camera_before_the_face_looks_along_plus_y_with_z_up():
    front = np.diag([1.0, -1.0, -1.0, 1.0])  # OpenCV: x right, y down, z towards -Z of the box
    front[:3, 3] = [0, 0, 4]
    placed = axes.camera_to_blender(front)
    np.testing.assert_allclose(placed[:3, 3], [0, -0.8, 0.2], atol=1e-12)
    np.testing.assert_allclose(-placed[:3, 2], [0, 1, 0], atol=1e-12)  # a Blender camera looks along its -z
    np.testing.assert_allclose(placed[:3, 1], [0, 0, 1], atol=1e-12)


def test_pixels_turn_upside_down_and_back():
    image = np.random.default_rng(3).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    pixels = axes.pixels_to_blender(image)
    assert pixels.dtype == np.float32 and pixels.shape == (5 * 7 * 4,)
    np.testing.assert_allclose(pixels[:3], image[-1, 0] / 255)  # Blender starts at the bottom left
    assert (pixels[3::4] == 1).all()
    np.testing.assert_array_equal(axes.pixels_from_blender(pixels, 7, 5), image)


def test_a_wide_picture_is_centred_on_a_square():
    wide = np.full((4, 10, 3), 200, dtype=np.uint8)
    squared = axes.square(wide)
    assert squared.shape == (10, 10, 3)
    np.testing.assert_array_equal(squared[3:7], wide)
    assert axes.square(squared) is squared


def test_axes_of_the_scene_have_their_names_in_the_box() -> None:
    axis = {name: np.eye(3)["XYZ".index(name[-1])] * (-1 if name[0] == "-" else 1) for name in axes.AXIS_TO_BOX}
    for name, found in axes.AXIS_TO_BOX.items():
        assert np.array_equal(axis[name] @ axes.BOX_TO_BLENDER, axis[found])


def test_light_is_encoded_as_pictures_hold_it() -> None:
    assert np.allclose(axes.encoded(np.array([-1, 0, 0.001, 0.2140, 1, 3])), [0, 0, 0.01292, 0.5, 1, 1], atol=1e-4)
