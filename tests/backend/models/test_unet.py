# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from backend.models.unet import Coupling, PlaneCondition, PlaneUNet, PlaneUNetConfig, with_parameters

TINY = PlaneUNetConfig.tiny()


def condition(batch: int = 2) -> PlaneCondition:
    return PlaneCondition((torch.randn(batch, 4, 16, 16),), torch.randn(batch, 4, 8, 8), torch.randn(batch, 6))


def awake(config: PlaneUNetConfig) -> PlaneUNet:
    """A network whose layers that start at zero say something."""
    torch.manual_seed(1)
    network = PlaneUNet(config)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def loss_of(network: PlaneUNet, noisy: Tensor, seen: PlaneCondition) -> Tensor:
    return network(noisy, torch.tensor([0.3, 0.9]), seen).square().mean()


@pytest.mark.parametrize("coupling", ["aware", "rollout", "concat"])
def test_every_part_is_used(coupling: Coupling) -> None:
    network = awake(replace(TINY, coupling=coupling))
    noisy = torch.randn(2, 4, 8, 24)
    assert network(noisy, torch.tensor([0.3, 0.9]), condition()).shape == (2, 8, 8, 24)
    loss_of(network, noisy, condition()).backward()
    # A key's bias changes no softmax, so it alone may have no gradient; it shares a tensor with others.
    unused = [name for name, parameter in network.named_parameters() if not parameter.grad.any()]
    assert not unused


def test_prediction_and_variance_lie_where_planes_lie_in_all_couplings() -> None:
    for coupling in ("rollout", "concat"):
        network = PlaneUNet(replace(TINY, coupling=coupling))
        with torch.no_grad():
            network.out.bias.copy_(torch.arange(len(network.out.bias)).float())
        said = network(torch.zeros(1, 4, 8, 24), torch.ones(1), condition(1))
        assert (said == said[..., :1, :1]).all() if coupling == "rollout" else True
        # [prediction or variance, plane, channel] in the stack, [prediction or variance, channel] in the roll-out
        if coupling == "concat":
            assert said[0, :, 0, 0].tolist() == [0, 1, 2, 3, 12, 13, 14, 15]
            assert said[0, :, 0, 8].tolist() == [4, 5, 6, 7, 16, 17, 18, 19]


def test_noise_level_and_every_part_of_the_condition_matter() -> None:
    network = awake(TINY).eval()
    noisy, seen, sigma = torch.randn(1, 4, 8, 24), condition(1), torch.tensor([0.5])
    said = network(noisy, sigma, seen)
    others = {
        "sigma": network(noisy, torch.tensor([0.6]), seen),
        "features": network(noisy, sigma, replace(seen, features=condition(1).features)),
        "latent": network(noisy, sigma, replace(seen, latent=condition(1).latent)),
        "z": network(noisy, sigma, replace(seen, z=condition(1).z)),
    }
    assert [name for name, other in others.items() if torch.allclose(said, other, atol=1e-6)] == []


def test_what_is_dropped_is_unknown() -> None:
    seen = condition()
    kept = seen.without(torch.tensor([False, True]))
    assert torch.equal(kept.features[0][0], seen.features[0][0]) and (kept.features[0][1] == 1).all()
    assert (kept.latent[1] == 1).all() and (kept.z[1] == 0).all() and torch.equal(kept.z[0], seen.z[0])


def test_saving_memory_changes_no_gradient() -> None:
    torch.manual_seed(0)
    noisy, seen = torch.randn(2, 4, 8, 24), condition()
    gradients = []
    for save in (False, True):
        network = awake(replace(TINY, save_memory=save))
        loss_of(network, noisy, seen).backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
    for plain, saving in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, saving, atol=1e-6, rtol=1e-5)


def test_couplings_are_compared_at_equal_size() -> None:
    base = replace(TINY, width=32)
    wanted = count(base)
    for coupling in ("rollout", "concat"):
        found = with_parameters(replace(base, coupling=coupling), wanted)
        assert found.width >= base.width and abs(count(found) / wanted - 1) < 0.15


@pytest.mark.parametrize(
    ("config", "millions", "heights"),
    [(PlaneUNetConfig.rodinhd(), 361, [128, 64, 32, 16, 8]), (PlaneUNetConfig.rodin(), 312, [64, 32, 16, 8])],
)
def test_the_papers_sizes_can_be_built(config: PlaneUNetConfig, millions: int, heights: list[int]) -> None:
    with torch.device("meta"):
        network = PlaneUNet(config)
    assert network.heights == heights
    assert round(sum(p.numel() for p in network.parameters()) / 1e6) == pytest.approx(millions, rel=0.02)


def count(config: PlaneUNetConfig) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in PlaneUNet(config).parameters())
