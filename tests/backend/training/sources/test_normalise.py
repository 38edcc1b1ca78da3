# SPDX-License-Identifier: GPL-3.0-or-later
import json
import math

import numpy as np
import pytest
import torch

from backend.geometry.cameras import Camera, orbit, pinhole
from backend.training.sources.errors import SourceError
from backend.training.sources.normalise import (
    FILL,
    FLOOR,
    Placement,
    Sphere,
    cameras_up,
    from_bounds,
    from_cameras,
    shared_centre,
    up_rotation,
)


def ring(target: tuple[float, float, float], distance: float = 3.0) -> np.ndarray:
    cameras = [orbit(2 * math.pi * k / 7, 0.3 * math.sin(k), distance, target=target) for k in range(7)]
    return np.stack([camera.cam_to_world.double().numpy() for camera in cameras])


def test_a_placement_goes_there_and_back_and_through_json() -> None:
    placement = Sphere((1.0, -2.0, 3.0), 2.5).place("z")
    placement = Placement.from_record(json.loads(json.dumps(placement.record())))
    points = np.random.default_rng(0).normal(size=(50, 3)) * 5
    np.testing.assert_allclose(placement.to_user(placement.to_box(points)), points, atol=1e-12)
    np.testing.assert_allclose(placement.to_box(np.array([1.0, -2.0, 3.0])), 0, atol=1e-12)
    np.testing.assert_allclose(placement.to_box(np.array([1.0, -2.0, 5.5])), [0, 1, 0], atol=1e-12)


def test_cameras_see_the_same_picture_after_they_were_placed() -> None:
    cam_to_world, placement = ring((4.0, 1.0, -2.0)), Sphere((4.0, 1.5, -2.0), 0.7).place("z")
    points = np.array([4.0, 1.0, -2.0]) + np.random.default_rng(0).normal(size=(20, 3)) * 0.3
    before = Camera(torch.from_numpy(cam_to_world[2]), pinhole(0.6).double())
    after = Camera(torch.from_numpy(placement.cameras(cam_to_world)[2]), pinhole(0.6).double())
    seen, depth = before.project(torch.from_numpy(points))
    seen_after, depth_after = after.project(torch.from_numpy(placement.to_box(points)))
    np.testing.assert_allclose(seen_after, seen, atol=1e-9)
    np.testing.assert_allclose(depth_after, depth / 0.7, rtol=1e-9)


def test_z_up_becomes_y_up_with_the_front_at_minus_y() -> None:
    rotation = up_rotation("z")
    np.testing.assert_array_equal(rotation @ [0, 0, 1], [0, 1, 0])
    np.testing.assert_array_equal(rotation @ [0, -1, 0], [0, 0, 1])
    assert np.linalg.det(rotation) == pytest.approx(1)


@pytest.mark.parametrize("stands", [False, True])
def test_bounds_fill_the_box(stands: bool) -> None:
    low, high = np.array([10.0, 20.0, 30.0]), np.array([12.0, 25.0, 31.0])
    placement = from_bounds(low, high, "y", stands)
    placed = placement.to_box(np.stack([low, high]))
    assert placed[1, 1] == pytest.approx(FILL)
    assert placed[0, 1] == pytest.approx(FLOOR if stands else -FILL)
    np.testing.assert_allclose(placed[:, [0, 2]].mean(0), 0, atol=1e-12)


def test_the_box_is_put_around_what_cameras_look_at() -> None:
    cam_to_world = ring((4.0, 1.0, -2.0))
    np.testing.assert_allclose(shared_centre(cam_to_world), [4, 1, -2], atol=1e-5)
    placement, sphere = from_cameras(cam_to_world, np.full(7, 0.25), "y")
    assert sphere.radius == pytest.approx(0.75, rel=1e-4)
    np.testing.assert_allclose(placement.to_box(np.array([4.0, 1.0, -1.25])), [0, 0, 1], atol=1e-4)
    _, wide = from_cameras(cam_to_world, np.full(7, 2.0), "y")
    assert wide.radius * 3**0.5 < 3.0, "no camera may stand inside the box"


def test_cameras_that_share_no_point_are_refused() -> None:
    parallel = ring((0.0, 0.0, 0.0))
    parallel[:, :3, :3] = parallel[0, :3, :3]
    with pytest.raises(SourceError, match="all look the same way"):
        shared_centre(parallel)
    outward = ring((0.0, 0.0, 0.0))
    outward[:, :3, :3] = outward[:, :3, :3] @ np.diag([1, -1, -1])
    with pytest.raises(SourceError, match="7 of 7 cameras look away"):
        shared_centre(outward)


def test_which_axis_is_up_is_read_from_the_cameras() -> None:
    upright = ring((0.0, 0.0, 0.0))
    assert cameras_up(upright) == "y"
    turned = Placement(up_rotation("z").T, 1.0, np.zeros(3)).cameras(upright)
    assert cameras_up(turned) == "z"


@pytest.mark.parametrize(("centre", "radius"), [((0, 0, 0), 0.0), ((0, math.nan, 0), 1.0), ((0, 0, 0), math.inf)])
def test_a_box_must_hold_something(centre: tuple, radius: float) -> None:
    with pytest.raises(SourceError, match="holds nothing"):
        Sphere(centre, radius)
