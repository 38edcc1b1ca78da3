# SPDX-License-Identifier: GPL-3.0-or-later
import json

import pytest
import torch

from backend.models.look_denoiser import (
    GENERATED,
    KEPT,
    PRESENT,
    UNTOLD,
    Known,
    LookDenoiser,
    LookDenoiserConfig,
    expected,
    guide_of,
    noise_of,
    scale_of,
    towards,
)


def _network() -> LookDenoiser:
    torch.manual_seed(0)
    network = LookDenoiser(LookDenoiserConfig.tiny()).eval()
    for parameter in network.parameters():
        if not bool(parameter.any()):  # what starts at zero would say nothing
            torch.nn.init.normal_(parameter, std=0.1)
    return network


def test_picture_and_noise_explain_what_is_noisy() -> None:
    random = torch.Generator().manual_seed(0)
    x0, noise = torch.randn(2, 3, 8, 8, generator=random), torch.randn(2, 3, 8, 8, generator=random)
    sigma = torch.tensor([0.2, 0.9])
    level = sigma[:, None, None, None]
    torch.testing.assert_close(noise_of((1 - level.square()).sqrt() * x0 + level * noise, sigma, x0), noise)


def test_what_is_expected_is_right_for_normal_pictures() -> None:
    """Draws of the model's own assumption: the error of the mean is as large as it says, and nearer than the prior."""
    random = torch.Generator().manual_seed(0)
    known = Known.nothing(1, 64)
    known.numbers[:, 2] = 1
    known.picture.fill_(0.4)
    known.guide[:, 7, :32] = 1
    spread = torch.where(known.guide[:, 7:8] > 0, KEPT, PRESENT)
    x0 = known.picture + spread * torch.randn(1, 3, 64, 64, generator=random)
    for sigma in (0.05, 0.5, 0.98):
        noisy = (1 - sigma**2) ** 0.5 * x0 + sigma * torch.randn(x0.shape, generator=random)
        mean, deviation = expected(noisy, torch.tensor([sigma]), known)
        for rows in (slice(0, 32), slice(32, 64)):
            units = ((x0 - mean) / deviation)[:, :, rows]
            assert float(units.std()) == pytest.approx(1, abs=0.05)


def test_without_a_picture_the_mean_is_the_one_of_all() -> None:
    mean, deviation = expected(torch.randn(1, 3, 8, 8), torch.ones(1), Known.nothing(1, 8))
    torch.testing.assert_close(mean, torch.full_like(mean, UNTOLD))
    torch.testing.assert_close(deviation, torch.full_like(mean, GENERATED))


@torch.no_grad()
def test_everything_that_is_known_counts() -> None:
    network, sigma = _network(), torch.tensor([0.5])
    noisy = torch.randn(1, 3, 16, 24, generator=torch.Generator().manual_seed(1))
    nothing = Known(torch.zeros(1, 3, 16, 24), torch.zeros(1, 8, 16, 24), torch.zeros(1, 4))
    silence, bronze = network.text([""]), network.text(["bronze statue"])
    plain = network(noisy, sigma, silence, nothing)
    assert plain.shape == noisy.shape
    others = [
        network(noisy, sigma, bronze, nothing),
        network(noisy, torch.tensor([0.9]), silence, nothing),
        network(noisy, sigma, silence, Known(torch.ones_like(nothing.picture), nothing.guide, nothing.numbers)),
        network(noisy, sigma, silence, Known(nothing.picture, torch.ones_like(nothing.guide), nothing.numbers)),
        network(noisy, sigma, silence, Known(nothing.picture, nothing.guide, torch.ones(1, 4))),
    ]
    assert all(not torch.allclose(plain, other, atol=1e-5) for other in others)


def test_sides_that_do_not_fold_are_refused() -> None:
    network = _network()
    with pytest.raises(ValueError, match="multiples of 8"):
        network(torch.zeros(1, 3, 12, 12), torch.tensor([0.5]), network.text([""]), Known.nothing(1, 12))


def test_a_fresh_network_corrects_nothing() -> None:
    network, known = LookDenoiser(LookDenoiserConfig.tiny()), Known.nothing(1, 8)
    noisy, sigma = torch.ones(1, 3, 8, 8), torch.tensor([0.5])
    torch.testing.assert_close(network(noisy, sigma, network.text([""]), known), expected(noisy, sigma, known)[0])


def test_configurations_survive_json() -> None:
    config = LookDenoiserConfig.tiny()
    assert LookDenoiserConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_scales_count_doublings() -> None:
    assert scale_of(32.0) == 0 and scale_of(128.0) == pytest.approx(2)


def test_the_guide_looks_from_the_camera_and_levels_depth() -> None:
    axis = towards(0.0, 0.0)
    assert axis.tolist() == [0, 0, 1]
    normal = torch.zeros(1, 3, 4, 4)
    normal[:, 2] = 1
    shown = torch.zeros(1, 1, 4, 4)
    shown[..., :2] = 1
    depth = torch.arange(4.0).expand(1, 1, 4, 4)
    guide = guide_of(normal, depth, shown, torch.zeros_like(shown), 1 - shown, axis)
    assert guide.shape == (1, 8, 4, 4)
    assert guide[0, 3, 0].tolist() == [1, 1, 0, 0]
    assert guide[0, 4, 0].tolist() == [-0.5, 0.5, 0, 0] and guide[0, 7, 0].tolist() == [0, 0, 1, 1]
