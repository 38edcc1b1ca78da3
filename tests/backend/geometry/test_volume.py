# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest
import torch

from backend.geometry.cameras import Camera, CameraError, Rays, orbit
from backend.geometry.fields import PlanesField, PointValues, SoftField
from backend.geometry.sampling import RaySamples, Sampler, Stratified, TwoPass, Uniform
from backend.geometry.sdf import laplace_density
from backend.geometry.volume import composite, render_rays, volume_render, weights
from backend.models.decoder import DecoderConfig, FieldDecoder
from tests.analytic import SphereField

FIELD = SoftField(SphereField(0.5), 0.005)
CAMERA = orbit(0.6, 0.2, target=(0.0, 0.0, 0.0))


def test_weights_follow_the_light_through_one_sample_after_another() -> None:
    density, deltas = torch.rand(5, 7) * 20, torch.rand(5, 7) * 0.2
    found = weights(density, deltas)
    for ray in range(5):
        passing = 1.0
        for sample in range(7):
            opacity = 1 - math.exp(-float(density[ray, sample]) * float(deltas[ray, sample]))
            assert float(found[ray, sample]) == pytest.approx(passing * opacity, abs=1e-5)
            passing *= 1 - opacity


def test_composite_mixes_colour_depth_and_beta_by_weight() -> None:
    samples = RaySamples(torch.tensor([[1.0, 2.0, 9.0]]), torch.tensor([[0.1, 0.2, 0.0]]), 2)
    values = PointValues(torch.tensor([0.01, -0.01, -1.0]), torch.rand(3, 3), torch.tensor([0.01, 0.02, 0.5]))
    view = composite(samples, values, torch.tensor([1.0, 0.0, 0.5]))
    first = 1 - math.exp(-float(laplace_density(values.sdf[:1], 0.01)) * 0.1)
    second = (1 - first) * (1 - math.exp(-float(laplace_density(values.sdf[1:2], 0.02)) * 0.2))
    left = 1 - first - second
    colour = first * values.rgb[0] + second * values.rgb[1]
    torch.testing.assert_close(view.rgb[0], colour + left * torch.tensor([1.0, 0.0, 0.5]))
    torch.testing.assert_close(view.albedo[0], colour / (first + second))
    assert float(view.beta[0]) == pytest.approx(first * 0.01 + second * 0.02)
    assert float(view.distance[0]) == pytest.approx((first + 2 * second) / (first + second))


def test_pictures_of_a_ball() -> None:
    view = volume_render(FIELD, CAMERA, 32, 32, Uniform(512), background=torch.tensor([0.0, 1.0, 0.0]))
    rays = CAMERA.rays(32, 32)
    along = -(rays.origins * rays.directions).sum(-1)
    closest = (rays.origins + along[:, None] * rays.directions).norm(dim=-1)
    shown = (closest < 0.42).reshape(32, 32)
    reach = along - (0.25 - closest**2).clamp_min(0).sqrt()
    points = rays.origins + reach[:, None] * rays.directions
    depth = (reach * (rays.directions @ CAMERA.cam_to_world[:3, 2])).reshape(32, 32)
    assert (view.alpha[shown] > 0.99).all() and (view.alpha[0] < 1e-3).all()
    assert (view.depth[shown] - depth[shown]).abs().max() < 0.02
    assert (view.normal.reshape(-1, 3) - points / 0.5)[shown.reshape(-1)].norm(dim=-1).max() < 0.05
    assert (view.albedo.reshape(-1, 3) - (points / 2 + 0.5))[shown.reshape(-1)].abs().max() < 0.02
    torch.testing.assert_close(view.beta, 0.005 * view.alpha)
    torch.testing.assert_close(view.rgb[0, 0], torch.tensor([0.0, 1.0, 0.0]), atol=1e-3, rtol=0)
    assert view.queries == 32 * 32 * 512


@pytest.mark.parametrize("sampler", [Uniform(64), Stratified(64), TwoPass(32, 32)])
def test_what_a_sampler_knows_changes_nothing(sampler: Sampler) -> None:
    rays = CAMERA.rays(8, 8)
    seed = torch.Generator().manual_seed(1)
    with torch.no_grad():
        known = render_rays(FIELD, rays, sampler, random=seed)
    asked = render_rays(FIELD, rays, sampler, random=torch.Generator().manual_seed(1))
    torch.testing.assert_close(known.rgb, asked.rgb)


def test_gradients_reach_planes_and_decoder() -> None:
    planes = torch.randn(1, 3, 4, 8, 8, requires_grad=True)
    decoder = FieldDecoder(DecoderConfig(channels=4, hidden=8, beta=True))
    rays = CAMERA.rays(4, 4)
    view = render_rays(PlanesField(planes, decoder), rays, TwoPass(8, 8))
    (view.rgb.mean() + view.beta.mean() + view.distance.mean()).backward()
    assert planes.grad is not None and planes.grad.abs().sum() > 0
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in decoder.out.parameters())


def test_rays_beside_the_box_are_never_asked() -> None:
    rays = Rays(torch.tensor([[0.0, 3.0, 4.0]]), torch.tensor([[0.0, 0.0, -1.0]]))
    view = render_rays(FIELD, rays, TwoPass(4, 4), background=0.5)
    assert view.samples.queries == 0 and view.alpha == 0 and (view.rgb == 0.5).all() and view.distance == 0


def test_a_batch_of_one_is_one_camera() -> None:
    batch = Camera(CAMERA.cam_to_world[None], CAMERA.intrinsics[None])
    single = volume_render(FIELD, CAMERA, 6, 9, Uniform(32))
    torch.testing.assert_close(volume_render(FIELD, batch, 6, 9, Uniform(32)).rgb, single.rgb)
    assert single.rgb.shape == (6, 9, 3)


@pytest.mark.parametrize(
    ("pose", "intrinsics", "says"),
    [
        (torch.eye(4).repeat(2, 1, 1), torch.eye(3).repeat(2, 1, 1), "batch"),
        (torch.full((4, 4), math.nan), torch.eye(3), "not finite"),
        (torch.eye(4), torch.diag(torch.tensor([0.0, 1.0, 1.0])), "singular"),
    ],
)
def test_cameras_that_cannot_see_are_refused(pose: torch.Tensor, intrinsics: torch.Tensor, says: str) -> None:
    with pytest.raises(CameraError, match=says) as refused:
        volume_render(FIELD, Camera(pose, intrinsics), 4, 4, Uniform(4))
    assert refused.value.hint
