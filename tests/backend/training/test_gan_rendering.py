# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import pytest
import torch

from backend.geometry.cameras import orbit
from backend.geometry.sampling import Stratified
from backend.geometry.volume import render_rays
from backend.models.proposal import ProposalCNN, ProposalConfig
from backend.models.sdf_gan import SdfGan, SdfGanConfig, SdfVolume
from backend.training.gan_rendering import GanRendering, shoot, spread_points

CONFIG = GanRendering(coarse=12, fine=12, budget=8, hard_budget=None, patch=8)
SIDE = 16


@pytest.fixture()
def volume() -> SdfVolume:
    torch.manual_seed(0)
    model = SdfGan(SdfGanConfig.tiny())
    return model.volume(model.planes(model.styles(torch.randn(1, 8))).detach())


def network() -> ProposalCNN:
    torch.manual_seed(1)
    return ProposalCNN(replace(ProposalConfig.tiny(), bins=31))


def draw() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("propose", [False, True])
def test_pictures_are_close_to_ones_of_many_samples(volume: SdfVolume, propose: bool) -> None:
    camera = orbit(0.2)
    with torch.no_grad():
        shot = shoot(volume, camera, SIDE, SIDE, network(), CONFIG, None, propose=propose)
        truth = render_rays(volume, camera.rays(SIDE, SIDE), Stratified(1500))
    assert shot.picture.shape == (4, SIDE, SIDE) and shot.sampler is None
    assert float((shot.picture[3].reshape(-1) - truth.alpha).abs().mean()) < 0.03
    torch.testing.assert_close(shot.picture[:3].reshape(3, -1).T, shot.view.rgb)
    if propose:  # a quarter of the pixels asked at all borders of the bins, and eight samples a pixel
        assert shot.queries <= (SIDE // 2) ** 2 * 32 + SIDE**2 * 8


def test_a_smaller_picture_uses_what_is_said_of_the_full_one(volume: SdfVolume) -> None:
    camera = orbit(0.2)
    with torch.no_grad():
        small = shoot(volume, camera, 8, SIDE, network(), CONFIG, None, propose=True)
        truth = render_rays(volume, camera.rays(8, 8), Stratified(1500))
    assert small.picture.shape == (4, 8, 8)
    assert float((small.picture[3].reshape(-1) - truth.alpha).abs().mean()) < 0.04


def test_supervision_teaches_the_network_and_nothing_else(volume: SdfVolume) -> None:
    learner = network()
    optimiser = torch.optim.Adam(learner.parameters(), lr=3e-3)
    seen = []
    for seed in range(20):
        shot = shoot(volume, orbit(0.1 * seed), SIDE, SIDE, learner, CONFIG, torch.Generator().manual_seed(seed),
                     supervise=True)  # fmt: skip
        assert shot.sampler is not None
        seen.append(float(shot.sampler.detach()))
        optimiser.zero_grad()
        shot.sampler.backward()
        optimiser.step()
    assert sum(seen[-4:]) < 0.8 * sum(seen[:4])
    assert all(parameter.grad is None for parameter in volume.heads.parameters())


def test_gradients_reach_the_planes_through_chosen_samples(volume: SdfVolume) -> None:
    free = volume.planes.planes.detach().clone().requires_grad_(True)
    made = SdfVolume(free, volume.heads)
    shot = shoot(made, orbit(0.0), SIDE, SIDE, network(), CONFIG, draw(), propose=True)
    shot.picture.sum().backward()
    assert free.grad is not None and float(free.grad.abs().max()) > 0


def test_points_lie_in_the_box_along_rays() -> None:
    camera = orbit(0.4)
    points = spread_points(camera, 300, 1.0, draw(), torch.device("cpu"))
    assert points.shape == (300, 3) and float(points.abs().max()) <= 1.0001
    place, depth = camera.project(points)
    assert bool(((place >= 0) & (place <= 1)).all()) and bool((depth > 0).all())
    away = orbit(0.0, target=(50.0, 0.0, 0.0))
    assert len(spread_points(away, 10, 1.0, draw(), torch.device("cpu"))) == 0
