# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import pytest
import torch

from backend.models.plane_upsampler import PlaneUpsampler, PlaneUpsamplerConfig, enlarge
from backend.models.unet import PlaneCondition

TINY = PlaneUpsamplerConfig.tiny()


def inputs(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, PlaneCondition]:
    seen = PlaneCondition((torch.randn(batch, 4, 16, 16),), None, torch.randn(batch, 6))
    return torch.randn(batch, 8, 16, 48), torch.full((batch,), 0.5), torch.randn(batch, 8, 4, 12), seen


def test_it_starts_as_the_enlarged_planes() -> None:
    noisy, sigma, low, seen = inputs()
    assert torch.equal(PlaneUpsampler(TINY)(noisy, sigma, low, seen), enlarge(low, 16))


def test_every_part_is_used_and_saving_memory_changes_no_gradient() -> None:
    given, gradients = inputs(), []
    for save in (False, True):
        torch.manual_seed(1)
        network = PlaneUpsampler(replace(TINY, save_memory=save))
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        network(*given).square().mean().backward()
        gradients.append([parameter.grad for parameter in network.parameters()])
        assert [name for name, parameter in network.named_parameters() if not parameter.grad.any()] == []
    for plain, saving in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, saving, atol=1e-6, rtol=1e-5)


def test_planes_are_enlarged_one_by_one() -> None:
    low = torch.cat([torch.full((1, 2, 4, 4), float(k)) for k in range(3)], -1)
    for size in (16, 2):
        large = enlarge(low, size)
        assert large.shape == (1, 2, size, 3 * size)
        for k, plane in enumerate(large.chunk(3, -1)):
            torch.testing.assert_close(plane, torch.full_like(plane, k), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("config", "millions"), [(PlaneUpsamplerConfig.rodinhd(), 218), (PlaneUpsamplerConfig.rodin(), 199)]
)
def test_the_papers_sizes_can_be_built(config: PlaneUpsamplerConfig, millions: int) -> None:
    with torch.device("meta"):
        network = PlaneUpsampler(config)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6) == pytest.approx(millions, rel=0.02)
