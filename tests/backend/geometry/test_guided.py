# SPDX-License-Identifier: GPL-3.0-or-later
import math

import torch

from backend.geometry.cameras import Camera, look_at, orbit, pinhole
from backend.geometry.fields import SoftField
from backend.geometry.guided import SdfGuided, mean_density
from backend.geometry.sampling import Uniform
from backend.geometry.sdf import laplace_density
from backend.geometry.volume import VolumeView, volume_render
from tests.analytic import BustField, SphereField


def psnr(view: VolumeView, truth: VolumeView) -> float:
    return -10 * math.log10(float((view.rgb - truth.rgb).square().mean()))


def test_mean_density_is_the_mean_of_many_densities() -> None:
    first, second = torch.tensor([0.05, 0.01, -0.02, 0.004, 0.0]), torch.tensor([-0.03, 0.03, -0.05, 0.00401, 0.0])
    beta = torch.full((5,), 0.007)
    share = (torch.arange(4000) + 0.5) / 4000
    plain = laplace_density(first + (second - first) * share[:, None], 0.007).mean(0)
    torch.testing.assert_close(mean_density(first, second, beta), plain, rtol=1e-3, atol=1e-3)


def test_a_few_questions_give_the_picture_of_two_thousand() -> None:
    for field in (SoftField(BustField(), 0.005), SoftField(SphereField(0.4), 0.004)):
        truth = volume_render(field, orbit(0.5, 0.2), 24, 24, Uniform(2048))
        view = volume_render(field, orbit(0.5, 0.2), 24, 24, SdfGuided())
        assert psnr(view, truth) > 50
        assert view.queries / 24**2 < 10
        assert (view.alpha - truth.alpha).abs().max() < 0.03


def test_finer_steps_come_closer() -> None:
    field, camera = SoftField(BustField(), 0.01), orbit(-0.3)
    truth = volume_render(field, camera, 24, 24, Uniform(2048))
    coarse, fine = (volume_render(field, camera, 24, 24, SdfGuided(fine=f, opaque=1e-4)) for f in (6.0, 0.3))
    assert psnr(fine, truth) > psnr(coarse, truth) + 3 and fine.queries > coarse.queries


def test_the_map_is_made_once_for_a_field() -> None:
    sampler, field = SdfGuided(), SoftField(SphereField(), 0.01)
    assert sampler.map_of(field) is sampler.map_of(field)
    assert sampler.map_of(SoftField(SphereField(), 0.01)) is not sampler.map_of(field)


def test_nothing_in_sight_is_background() -> None:
    away = Camera(look_at(torch.tensor([0.0, 0.0, 4.0]), torch.tensor([0.0, 0.0, 8.0])), pinhole(0.4))
    view = volume_render(SoftField(SphereField(), 0.01), away, 6, 6, SdfGuided(), background=0.25)
    assert (view.rgb == 0.25).all() and view.queries == 0 and (view.depth == 0).all()
