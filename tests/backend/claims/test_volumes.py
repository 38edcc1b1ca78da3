# SPDX-License-Identifier: GPL-3.0-or-later
import math
from dataclasses import replace

import pytest
import torch

from backend.claims.base import Settings
from backend.claims.volumes import VolumeFit, ball, entropy, fit_volume, roughness
from backend.geometry.cameras import orbit
from backend.geometry.fields import SoftField
from backend.geometry.sampling import Uniform
from backend.geometry.volume import volume_render
from backend.training.losses import BetaSchedule
from backend.training.views import ViewSet, stack_cameras
from tests.analytic import SphereField

FIT = VolumeFit(steps=40, rays=128, samples=12)


@pytest.fixture(scope="module")
def views() -> ViewSet:
    cameras = [orbit(0.0), orbit(2.0), orbit(4.0)]
    seen = [volume_render(SoftField(SphereField(0.4), 0.005), camera, 12, 12, Uniform(256)) for camera in cameras]
    return ViewSet(stack_cameras(cameras), torch.stack([v.rgb for v in seen]), torch.stack([v.alpha for v in seen]))


def error(volume, views: ViewSet) -> float:
    shown = volume_render(volume.field(), views.cameras[0], 12, 12, Uniform(96))
    return float((shown.rgb - views.rgb[0]).square().mean())


def test_fit_comes_closer_and_leaves_its_start_alone(settings: Settings, views: ViewSet) -> None:
    start = ball(settings, 0, radius=0.6)
    before = error(start, views)
    fitted = fit_volume(start, views, FIT, lambda stage, share: None, "fitting")
    assert error(fitted, views) < 0.8 * before
    assert error(start, views) == pytest.approx(before)


def test_wanted_beta_is_approached(settings: Settings, views: ViewSet) -> None:
    start = ball(settings, 0, radius=0.6)
    schedule = BetaSchedule(first=0.004, last=0.004)
    tight = replace(FIT, beta_weight=1.0, beta_schedule=schedule, decoder_rate=1e-2)
    points = torch.rand(500, 3) - 0.5
    free, held = (
        fit_volume(start, views, fit, lambda stage, share: None, "").field().values(points).beta.mean()
        for fit in (replace(tight, beta_weight=0.0), tight)
    )
    assert held < free


def test_entropy_of_equal_shares_is_the_logarithm_of_their_number() -> None:
    weights = torch.tensor([[0.1, 0.1, 0.1, 0.1], [0.0, 0.9, 0.0, 0.0]])
    torch.testing.assert_close(entropy(weights), torch.tensor([math.log(4), 0.0]), atol=1e-5, rtol=0)


def test_roughness_is_the_angle_between_neighbours() -> None:
    flat = torch.tensor([0.0, 0.0, 1.0]).expand(4, 4, 3).clone()
    covered = torch.ones(4, 4, dtype=torch.bool)
    assert roughness(flat, covered) == 0
    flat[:, 2:] = torch.tensor([1.0, 0.0, 0.0])
    assert roughness(flat, covered) == pytest.approx(90 * 4 / 24, abs=0.1)
