# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest
import torch

from backend.geometry.cameras import Camera, CameraError, look_at, orbit, pinhole
from backend.geometry.rendering import render, render_views
from tests.analytic import BustField, SphereField


def sphere_truth(camera: Camera, side: int, radius: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Distance along each ray to a centred ball (infinite where missed), and the ray directions."""
    rays = camera.rays(side, side)
    along = -(rays.origins * rays.directions).sum(-1)
    closest = (rays.origins + along[:, None] * rays.directions).norm(dim=-1)
    distance = along - (radius**2 - closest**2).clamp_min(0).sqrt()
    return torch.where(closest < radius, distance, math.inf), rays.directions


def test_depth_normal_and_colour_of_a_sphere() -> None:
    camera = orbit(0.7, 0.3, target=(0.0, 0.0, 0.0))
    view = render(SphereField(0.6), camera, 64, 64)
    distance, directions = sphere_truth(camera, 64, 0.55)  # clear of the soft rim
    shown = distance.isfinite()
    truth, _ = sphere_truth(camera, 64, 0.6)
    points = camera.rays(64, 64).origins + truth[:, None] * directions
    depth = truth * (directions @ camera.cam_to_world[:3, 2])
    assert (view.alpha.reshape(-1)[shown] == 1).all()
    assert (view.depth.reshape(-1)[shown] - depth[shown]).abs().max() < 0.02
    assert (view.normal.reshape(-1, 3)[shown] - points[shown] / 0.6).norm(dim=-1).mean() < 0.02
    assert (view.rgb.reshape(-1, 3)[shown] - (points[shown] * 0.5 + 0.5)).abs().mean() < 0.01


def test_coverage_is_the_area_of_the_outline() -> None:
    view = render(SphereField(0.6), orbit(0.0, target=(0.0, 0.0, 0.0)), 96, 96)
    half = 4.4 * math.tan(0.4538 / 2)
    seen = 0.6 * 4.4 / math.sqrt(4.4**2 - 0.6**2)  # perspective shows a slightly larger disc
    assert abs(float(view.alpha.mean()) * (2 * half) ** 2 / (math.pi * seen**2) - 1) < 0.02


def test_background_shows_where_nothing_is() -> None:
    view = render(SphereField(0.3), orbit(0.0), 16, 16, background=0.25)
    corner = view.rgb[0, 0]
    assert torch.allclose(corner, torch.full((3,), 0.25))
    assert view.alpha[0, 0] == 0 and view.depth[0, 0] == 0 and (view.normal[0, 0] == 0).all()


def test_an_open_body_is_solid_from_below() -> None:
    eye = torch.tensor([0.0, -4.0, 0.4])
    camera = Camera(look_at(eye, torch.zeros(3)), pinhole(0.2))
    assert render(BustField(), camera, 16, 16).alpha[6:10, 6:10].min() == 1


def test_a_batch_gives_the_same_pictures() -> None:
    cameras = [orbit(0.0), orbit(1.0)]
    batch = Camera(
        torch.stack([camera.cam_to_world for camera in cameras]), torch.stack([camera.intrinsics for camera in cameras])
    )
    for one, view in zip(cameras, render_views(BustField(), batch, 24, 24), strict=True):
        assert torch.allclose(view.rgb, render(BustField(), one, 24, 24).rgb)


def test_a_camera_that_cannot_take_a_picture_is_refused() -> None:
    camera = orbit(0.0)
    flat = Camera(camera.cam_to_world, torch.zeros(3, 3))
    with pytest.raises(CameraError, match="singular"):
        render(SphereField(0.6), flat, 8, 8)
