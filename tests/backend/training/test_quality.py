# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.geometry.rendering import render_views
from backend.training.quality import mean_psnr, smooth_picture, view_psnr
from backend.training.views import ViewSet, held_out_cameras
from tests.backend.training.balls import Ball


def test_pictures_are_averaged_from_larger_ones_and_compared() -> None:
    ball, cameras = Ball(0.6, (0.2, 0.5, 0.7)), held_out_cameras(3)
    fine = [torch.as_tensor(view.rgb).clamp(0, 1) for view in render_views(ball, cameras, 48, 48)]
    rgb = torch.stack([picture.reshape(24, 2, 24, 2, 3).mean((1, 3)) for picture in fine])
    views = ViewSet(cameras, rgb, torch.ones(3, 24, 24))
    torch.testing.assert_close(smooth_picture(ball, views, 1), rgb[1])
    assert min(view_psnr(ball, views)) > 60
    darker = ViewSet(cameras, rgb - 0.1, views.alpha)
    assert abs(mean_psnr(ball, darker) - 20) < 0.1
    assert len(view_psnr(ball, views, every=2)) == 2
