# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import pytest
import torch

from backend.geometry.fields import TriplaneField
from backend.geometry.triplane import Triplane
from backend.models.decoder import DecoderConfig, FieldDecoder
from backend.models.portrait_encoder import PortraitEncoder, PortraitEncoderConfig
from backend.training.quality import mean_psnr
from backend.training.render_loss import (
    RenderLossConfig,
    draw_patch,
    encoder_features,
    perceptual,
    render_losses,
    render_patch,
)
from backend.training.subjects import SubjectData
from tests.backend.training.balls import ball_subject

PATCH = RenderLossConfig(patch=12, shrinks=(1, 2), shares=(0.5, 0.5))


@pytest.fixture(scope="module")
def ball() -> SubjectData:
    return ball_subject(0)


@pytest.fixture(scope="module")
def fitted(ball: SubjectData) -> tuple[torch.Tensor, FieldDecoder]:
    """Planes and a decoder that show the ball."""
    torch.manual_seed(0)
    decoder = FieldDecoder(DecoderConfig(channels=8, hidden=16))
    start = 0.1 * torch.randn(1, 3, 8, 16, 16)
    planes = start.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([planes, *decoder.parameters()], lr=0.02)
    points, sdf = (torch.from_numpy(ball.points[name][:1500]).float() for name in ("points", "sdf"))
    surface, colour = (torch.from_numpy(ball.points[name][:800]).float() for name in ("surface", "colour"))
    for _ in range(150):
        said, _ = decoder(Triplane(planes).sample(points[None])[0])
        _, rgb = decoder(Triplane(planes).sample(surface[None])[0])
        loss = 20 * (said - sdf).abs().mean() + (rgb - colour / 255).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return planes.detach()[0], decoder.requires_grad_(False)


def test_patches_are_parts_of_reduced_views_with_their_own_rays(ball: SubjectData) -> None:
    views = ball.views
    for seed in range(6):
        patch = draw_patch(views, PATCH, torch.Generator().manual_seed(seed))
        assert patch.rgb.shape == (12, 12, 3) and len(patch.rays.origins) == 144
        # What the rays of the patch see is what the picture of the patch shows.
        centre = int((views.cameras.cam_to_world[:, :3, 3] - patch.rays.origins[0]).norm(dim=1).argmin())
        forward = views.cameras.cam_to_world[centre, :3, 2]
        assert (patch.rays.directions @ forward > 0.9).all()


def test_mostly_white_patches_are_drawn_again(ball: SubjectData) -> None:
    small = replace(PATCH, patch=6, shrinks=(1,), shares=(1.0,))
    never = replace(small, whitest=1.0)
    whites = {}
    for config in (small, never):
        drawn = [draw_patch(ball.views, config, torch.Generator().manual_seed(seed)) for seed in range(80)]
        whites[config.whitest] = sum(float((patch.alpha < 0.5).float().mean()) > 0.7 for patch in drawn)
    assert whites[0.7] < whites[1.0]


def test_patches_of_good_planes_look_like_the_truth(ball: SubjectData, fitted: tuple) -> None:
    planes, decoder = fitted
    random = torch.Generator().manual_seed(0)
    patch = draw_patch(ball.views, replace(PATCH, patch=24, shrinks=(1,), shares=(1.0,)), random)
    picture = render_patch(planes, decoder, patch.rays, PATCH.sampling, random).view_as(patch.rgb)
    assert (picture - patch.rgb).abs().mean() < 0.05
    assert mean_psnr(TriplaneField(Triplane(planes[None]), decoder), ball.held_out) > 20


def test_the_loss_leads_to_better_planes(ball: SubjectData, fitted: tuple) -> None:
    planes, decoder = fitted
    noise = torch.randn(planes.shape, generator=torch.Generator().manual_seed(0))
    worse = (planes + 0.3 * noise)[None].requires_grad_(True)
    encoder = encoder_features(PortraitEncoder(PortraitEncoderConfig.tiny()))
    optimiser = torch.optim.Adam([worse], lr=0.01)
    values = []
    for _ in range(12):
        random = torch.Generator().manual_seed(0)  # the same patch and samples each time
        terms = render_losses(worse, decoder, [ball.views], PATCH, random, encoder)
        assert set(terms) == {"pixel", "perceptual"}
        values.append(float(torch.stack(list(terms.values())).sum().detach()))
        optimiser.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        assert worse.grad.isfinite().all()
        optimiser.step()
    assert sum(values[-3:]) / 3 < 0.6 * values[0]


def test_empty_space_is_white_and_teaches_nothing(ball: SubjectData) -> None:
    decoder = FieldDecoder(DecoderConfig(channels=4, hidden=8))
    with torch.no_grad():
        decoder.out.bias[0] = 10.0  # far outside everywhere
    planes = torch.zeros(3, 4, 8, 8, requires_grad=True)
    rays = draw_patch(ball.views, PATCH, torch.Generator().manual_seed(0)).rays
    colour = render_patch(planes, decoder, rays, PATCH.sampling, torch.Generator().manual_seed(0))
    assert (colour == 1).all()
    colour.sum().backward()
    assert not planes.grad.any()


def test_perceptual_distance_is_nothing_between_equals_and_grows_with_difference() -> None:
    features = encoder_features(PortraitEncoder(PortraitEncoderConfig.tiny()))
    random = torch.Generator().manual_seed(0)
    picture, noise = torch.rand(2, 3, 32, 32, generator=random), torch.randn(2, 3, 32, 32, generator=random)
    distances = [float(perceptual(features, picture + step * noise, picture)) for step in (0.0, 0.05, 0.2)]
    assert distances[0] == 0 and distances[0] < distances[1] < distances[2]
