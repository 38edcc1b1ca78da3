# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.geometry.alignment import MEAN_FACE, aligned_camera
from backend.geometry.rendering import render
from backend.synthesis.light import lamp, plain_light
from backend.synthesis.placing import place, shrink
from tests.analytic import BustField


@pytest.mark.parametrize("azimuth, elevation", [(0.15, 0.05)])
def test_the_camera_of_a_picture_is_found(azimuth: float, elevation: float) -> None:
    field = BustField()
    true = aligned_camera(MEAN_FACE + np.array([0.03, -0.02, 0.0]), azimuth, elevation)
    view = render(field, true, 128, 128, background=0.0)
    picture = view.rgb * plain_light().shading(view.normal)
    found = place(field, picture / view.alpha.clamp_min(1e-3)[..., None], view.alpha).camera
    points = torch.from_numpy(MEAN_FACE).float()
    apart = lambda camera: (camera.project(points)[0] - true.project(points)[0]).norm(dim=-1).mean()  # noqa: E731
    assert apart(found) < 0.6 * apart(aligned_camera(MEAN_FACE))
    turned = lambda camera: (camera.cam_to_world[:3, 2] - true.cam_to_world[:3, 2]).norm()  # noqa: E731
    assert turned(found) < 0.05


def test_a_pose_that_is_told_is_kept_where_the_picture_says_nothing() -> None:
    field = BustField()
    found = place(field, torch.zeros(64, 64, 3), torch.zeros(64, 64), (0.3, 0.05))
    told = aligned_camera(MEAN_FACE, 0.3, 0.05)
    assert (found.camera.cam_to_world[:3, 2] - told.cam_to_world[:3, 2]).norm() < 0.2


def test_a_lamp_from_the_side_does_not_turn_the_head() -> None:
    field = BustField()
    true = aligned_camera(MEAN_FACE)
    view = render(field, true, 128, 128, background=0.0)
    light = plain_light()
    light.coefficients.add_(0.4 * lamp(torch.tensor([1.0, 0.0, 0.0]))[:, None])
    found = place(field, view.rgb * light.shading(view.normal), view.alpha)
    assert (found.camera.cam_to_world[:3, 2] - true.cam_to_world[:3, 2]).norm() < 0.1
    assert (found.light.coefficients - light.coefficients)[1].abs().max() < 0.1


def test_shrinking_keeps_the_mean() -> None:
    picture = torch.rand(64, 64, 3, generator=torch.Generator().manual_seed(0))
    assert shrink(picture, 16).shape == (16, 16, 3)
    torch.testing.assert_close(shrink(picture, 16).mean(), picture.mean())
