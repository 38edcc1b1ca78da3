# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from backend.models.refiner import PatchJudge, RefinerConfig, ViewRefiner


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_fresh_refiner_only_enlarges(scale: int) -> None:
    torch.manual_seed(0)
    render = torch.rand(2, 4, 16, 24)
    refined = ViewRefiner(replace(RefinerConfig.tiny(), scale=scale))(render)
    assert refined.shape == (2, 3, 16 * scale, 24 * scale)
    truth = render[:, :3]
    if scale > 1:
        truth = functional.interpolate(truth, scale_factor=scale, mode="bicubic", align_corners=False)
    torch.testing.assert_close(refined, truth)


def test_what_it_adds_depends_on_the_render_and_every_weight_learns() -> None:
    torch.manual_seed(0)
    refiner = ViewRefiner(RefinerConfig.tiny())
    torch.nn.init.normal_(refiner.out.weight, std=0.1)
    render = torch.rand(1, 4, 16, 16, requires_grad=True)
    refiner(render).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in refiner.parameters())


def test_sizes_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 2"):
        ViewRefiner(RefinerConfig.tiny())(torch.rand(1, 4, 15, 16))
    with pytest.raises(ValueError, match="power of two"):
        ViewRefiner(RefinerConfig(scale=3))


def test_the_judge_looks_at_places() -> None:
    torch.manual_seed(0)
    judge = PatchJudge().eval()
    picture = torch.rand(1, 3, 64, 64)
    changed = picture.clone()
    changed[..., :8, :8] = 0
    difference = (judge(picture) - judge(changed)).abs()[0, 0]
    assert difference.shape == (16, 16) and difference[:3, :3].mean() > 3 * difference[8:, 8:].mean()
