# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.evaluation.consistency import warp_psnr
from backend.geometry.cameras import orbit
from backend.geometry.rendering import render
from tests.analytic import SphereField


def test_pictures_of_a_field_agree_and_strokes_do_not() -> None:
    field = SphereField()
    first, second = [orbit(0.0), orbit(2.0)], [orbit(0.12), orbit(2.12)]
    own, other = (
        torch.stack([render(field, camera, 48, 48, normals=False).rgb.permute(2, 0, 1) for camera in cameras])
        for cameras in (first, second)
    )
    together = warp_psnr(field, first, second, own, other)
    assert together > 32
    noise = 0.1 * torch.randn(other.shape, generator=torch.Generator().manual_seed(0))
    assert warp_psnr(field, first, second, own, other + noise) < 24
    assert warp_psnr(field, first, second, own, own) < together - 5  # a picture that sticks to the screen


def test_pictures_without_a_common_point_are_refused() -> None:
    field = SphereField(0.2)
    away = [orbit(0.0, target=(5.0, 0.0, 0.0))]
    with pytest.raises(ValueError, match="share no point"):
        warp_psnr(field, [orbit(0.0)], away, torch.zeros(1, 3, 24, 24), torch.zeros(1, 3, 24, 24))
