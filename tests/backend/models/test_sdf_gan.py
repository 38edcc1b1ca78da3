# SPDX-License-Identifier: GPL-3.0-or-later
import math
from dataclasses import replace

import pytest
import torch

from backend.geometry.cameras import Camera, orbit
from backend.geometry.sampling import Stratified
from backend.geometry.sdf import BETA_START
from backend.geometry.triplane import Triplane
from backend.geometry.volume import render_rays
from backend.models.sdf_gan import AXES, SdfGan, SdfGanConfig, SdfHeads, camera_label, waves

TINY = SdfGanConfig.tiny()


def fresh(config: SdfGanConfig = TINY) -> SdfGan:
    torch.manual_seed(0)
    return SdfGan(config)


@pytest.mark.parametrize("activation", ["relu", "softplus"])
def test_untrained_heads_hold_a_sphere(activation: str) -> None:
    heads = SdfHeads(replace(SdfGanConfig.small(), activation=activation, hidden=256))
    directions = torch.nn.functional.normalize(torch.randn(400, 3), dim=-1)
    for radius in (0.3, 0.6, 0.9):
        sdf = heads.sdf(torch.zeros(400, 16), radius * directions).detach()
        assert abs(float(sdf.mean()) - (radius - 0.6)) < 0.12
        assert float(sdf.std()) < 0.12
    values = heads(torch.zeros(400, 16), directions)
    torch.testing.assert_close(values.beta, torch.full((400,), BETA_START))
    assert values.rgb.min() > -0.01 and values.rgb.max() < 1.01


def test_features_are_the_product_of_three_lookups() -> None:
    """Each lookup held to the plane sampler that the rest of the project uses."""
    model = fresh()
    planes = torch.randn(1, 3, 4, 16, 16)
    points = torch.rand(50, 3) * 1.6 - 0.8
    each = []
    for index in range(3):
        alone = torch.zeros_like(planes)
        alone[:, index] = planes[:, index]
        each.append(Triplane(alone).sample(points[None])[0])
    torch.testing.assert_close(model.volume(planes).features(points), each[0] * each[1] * each[2])
    assert AXES[2][:2] == (1, 2)


def test_styles_truncate_towards_the_mean_and_planes_follow_them() -> None:
    model = fresh()
    z = torch.randn(2, 8)
    styles = model.styles(z)
    assert styles.shape == (2, TINY.styles, 16) and TINY.styles == TINY.synthesis.styles + 2
    assert torch.equal(model.styles(z, truncation=0.0)[0], model.styles(z, truncation=0.0)[1])
    planes = model.planes(styles)
    assert planes.shape == (2, 3, 4, 16, 16)
    # The last two styles belong to the doubling alone.
    changed = styles.clone()
    changed[:, -1] += 1
    coarse = model.synthesis(changed[:, : TINY.synthesis.styles])
    torch.testing.assert_close(coarse, model.synthesis(styles[:, : TINY.synthesis.styles]))
    assert not torch.allclose(model.planes(changed), planes)


def test_each_plane_is_doubled_by_its_own_block() -> None:
    model = fresh()
    styles = model.styles(torch.randn(1, 8))
    before = model.planes(styles)
    with torch.no_grad():
        model.doubling[1].to_image.bias += 1
    after = model.planes(styles)
    torch.testing.assert_close(after[:, (0, 2)], before[:, (0, 2)])
    torch.testing.assert_close(after[:, 1] - before[:, 1], torch.full((1, 4, 16, 16), 1 / math.sqrt(3)))


def test_planes_have_a_deviation_near_one_and_people_begin_as_a_sphere() -> None:
    torch.manual_seed(0)
    model = SdfGan(SdfGanConfig.small())
    planes = model.planes(model.styles(torch.randn(1, 256)))
    assert 0.4 < float(planes.std()) < 1.5
    directions = torch.nn.functional.normalize(torch.randn(500, 3), dim=-1)
    with torch.no_grad():
        sdf = [model.volume(planes).sdf(radius * directions) for radius in (0.2, 0.6, 1.0)]
    assert sdf[0].mean() < -0.2 and abs(float(sdf[1].mean())) < 0.15 and sdf[2].mean() > 0.2
    assert float(sdf[1].std()) < 0.1


def test_pictures_have_gradients_down_to_the_latent() -> None:
    model = fresh()
    z = torch.randn(1, 8, requires_grad=True)
    volume = model.volume(model.planes(model.styles(z)))
    rays = orbit(0.3).rays(8, 8)
    view = render_rays(volume, rays, Stratified(16), random=torch.Generator().manual_seed(0))
    assert 0.1 < float(view.alpha.mean()) < 0.9
    (view.rgb.mean() + view.beta.mean()).backward()
    for tensor in (z.grad, model.heads.first.weight.grad, model.doubling[2].conv0.weight.grad):
        assert tensor is not None and tensor.isfinite().all() and tensor.abs().max() > 0


def test_recomputed_activations_give_the_same_gradients() -> None:
    model, points = fresh(), torch.rand(30, 3) - 0.5
    planes = torch.randn(1, 3, 4, 16, 16)
    found = []
    for recompute in (False, True):
        free = planes.clone().requires_grad_(True)
        values = model.volume(free, recompute=recompute).values(points)
        (values.sdf.sum() + values.rgb.square().sum() + values.beta.sum()).backward()
        found.append(free.grad)
    torch.testing.assert_close(found[0], found[1])


def test_colour_may_depend_on_where_it_is_seen_from_but_shape_may_not() -> None:
    torch.manual_seed(0)
    model = SdfGan(replace(TINY, view_octaves=2))
    planes, points = torch.randn(1, 3, 4, 16, 16), torch.rand(20, 3) - 0.5
    front, side = (model.volume(planes, orbit(azimuth)).values(points) for azimuth in (0.0, 1.5))
    assert torch.equal(front.sdf, side.sdf) and not torch.allclose(front.rgb, side.rgb)
    far = Camera(torch.eye(4), torch.eye(3))
    far.cam_to_world[2, 3] = 1e6
    torch.testing.assert_close(model.volume(planes, far).rgb(points), model.volume(planes).rgb(points))


def test_configurations_travel_as_json_and_unfit_ones_are_refused() -> None:
    assert SdfGanConfig.from_json(TINY.to_json()) == TINY
    with pytest.raises(ValueError, match="three planes"):
        SdfGan(replace(TINY, synthesis=replace(TINY.synthesis, channels=13)))


def test_the_published_sizes_and_the_small_ones() -> None:
    published = SdfGanConfig()
    assert (published.side, published.features, published.synthesis.side) == (512, 32, 256)
    heads = SdfHeads(published)
    assert heads.first.in_features == 71 and heads.shape.out_features == 66 and heads.colour_first.in_features == 79
    small = SdfGan(SdfGanConfig.small())
    assert sum(parameter.numel() for parameter in small.parameters()) * 2 < 30e6


def test_waves_and_labels_are_laid_out_as_published() -> None:
    assert waves(torch.zeros(1, 3), 6).shape == (1, 39)
    quarter = waves(torch.tensor([[0.5, 0.0, 0.0]]), 1)[0]
    torch.testing.assert_close(quarter, torch.tensor([0.5, 0, 0, 1, 0, 0, 0, 1, 1]))
    camera = orbit(0.4)
    label = camera_label(camera)
    assert label.shape == (1, 25)
    assert torch.equal(label[0, :16].reshape(4, 4), camera.cam_to_world) and float(label[0, 18]) == 0.5


def test_planes_of_a_case_are_added_to_everybodys() -> None:
    model = fresh(replace(TINY, case=True))
    assert model.case is not None
    styles = model.styles(torch.randn(2, 8))
    before = model.planes(styles)
    torch.nn.init.normal_(model.case)
    torch.testing.assert_close(model.planes(styles), before + model.case)


def test_planes_near_one_hold_the_sphere_and_pass_on_what_each_of_them_says() -> None:
    torch.manual_seed(0)
    generator = SdfGan(replace(TINY, ones=True, hidden=128))
    with torch.no_grad():
        planes = generator.planes(generator.styles(torch.randn(4, 8)))
        assert abs(float(planes.mean()) - 1) < 0.1 and 0 < float(planes.std()) < 0.3
        places = torch.tensor([[0.0, 0.0, 0.0], [0.7, 0.7, 0.7], [-0.7, 0.7, -0.7], [0.7, -0.7, -0.7]])
        for own in planes:
            assert (generator.volume(own[None]).sdf(places) > 0).tolist() == [False, True, True, True]
    planes.requires_grad_(True)
    points = 0.5 * torch.randn(200, 3)
    generator.volume(planes[:1]).features(points).sum().backward()
    # The product of three numbers near 1 rises with each of them as fast as their sum does.
    shares = planes.grad[0].sum((1, 2, 3)) / (200 * planes.shape[2])
    torch.testing.assert_close(shares, torch.ones(3), atol=0.25, rtol=0)


def test_what_all_people_share_is_added_to_everybodys_planes() -> None:
    torch.manual_seed(0)
    generator = SdfGan(replace(TINY, shared=True))
    with torch.no_grad():
        styles = generator.styles(torch.randn(2, 8))
        before = generator.planes(styles)
        generator.shared[0, 1] += 0.5
        change = generator.planes(styles) - before
    torch.testing.assert_close(change[:, 1], torch.full_like(change[:, 1], 0.5))
    assert change[:, [0, 2]].abs().max() == 0
    assert SdfGan(TINY).shared is None and SdfGanConfig.from_json(generator.config.to_json()) == generator.config
