# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.models.proposal import ProposalCNN, ProposalConfig


def probe(config: ProposalConfig, side: int) -> tuple[torch.Tensor, ...]:
    weights = torch.rand(1, config.bins, side, side)
    return weights / weights.sum(1, keepdim=True), torch.rand(1, 3, side, side), torch.randn(1, 3, side, side)


@pytest.mark.parametrize("config", [ProposalConfig.tiny(), ProposalConfig.small()])
def test_every_pixel_gets_a_distribution(config: ProposalConfig) -> None:
    network = ProposalCNN(config)
    said = network.probabilities(*probe(config, 6))
    assert said.shape == (1, config.bins, 6 * config.factor, 6 * config.factor)
    torch.testing.assert_close(said.sum(1), torch.ones_like(said[:, 0]))


def test_a_start_from_the_probe_expects_the_weight_where_the_probe_has_it() -> None:
    config = ProposalConfig.small()
    weights = torch.zeros(1, config.bins, 4, 4)
    weights[:, 70] = 1
    said = ProposalCNN(config).probabilities(weights, torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4))
    assert (said.argmax(1) - 70).abs().max() <= 1


def test_the_published_size_builds_and_takes_a_step() -> None:
    config = ProposalConfig()
    network = ProposalCNN(config)
    assert network.bins == 191 and network.factor == 4
    assert sum(weight.numel() for weight in network.parameters()) > 5e6
    before = network.name[-1].bias.detach().clone()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    (-network(*probe(config, 2))[0, 40].mean()).backward()
    optimiser.step()
    assert network.name[-1].bias[40] > before[40]


def test_a_factor_that_is_no_power_of_two_is_refused() -> None:
    with pytest.raises(ValueError, match="power of two"):
        ProposalCNN(ProposalConfig(factor=3))
