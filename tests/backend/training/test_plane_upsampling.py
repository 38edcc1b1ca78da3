# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from backend.models.plane_upsampler import PlaneUpsamplerConfig, enlarge
from backend.models.portrait_encoder import PortraitEncoder, PortraitEncoderConfig
from backend.models.unet import PlaneCondition
from backend.training.plane_set import PlaneSet
from backend.training.plane_upsampling import PlaneUpsamplerStage, PlaneUpsamplerStageConfig, sample_large
from backend.training.render_loss import RenderLossConfig, encoder_features

CONFIG = PlaneUpsamplerStageConfig(
    batch=2, steps=20, sample_steps=2, render=RenderLossConfig(patch=16, shrinks=(1,), shares=(1.0,))
)


def see(portraits: Tensor, random: torch.Generator | None) -> PlaneCondition:
    mean = portraits[:, :3].mean((2, 3))
    return PlaneCondition((mean[:, :, None, None].repeat(1, 2, 16, 16)[:, :4],), None, mean.repeat(1, 2))


@pytest.fixture
def stage(run_of_balls: Path) -> PlaneUpsamplerStage:
    features = encoder_features(PortraitEncoder(PortraitEncoderConfig.tiny()))
    return PlaneUpsamplerStage(PlaneSet(run_of_balls), see, PlaneUpsamplerConfig.tiny(), CONFIG, features)


def test_planes_and_pictures_teach(stage: PlaneUpsamplerStage) -> None:
    terms = stage.losses(torch.Generator().manual_seed(0))
    assert set(terms) == {"planes", "pixel", "perceptual"}
    (terms["pixel"] + terms["perceptual"]).backward()
    assert stage.network.out.own[0].weight.grad.any()  # pictures reach the network through the planes
    alone = PlaneUpsamplerStage(stage.people, see, stage.network.config, replace(CONFIG, rendered=0))
    assert set(alone.losses(torch.Generator().manual_seed(0))) == {"planes"}


def test_steps_downhill_improve_large_planes(stage: PlaneUpsamplerStage) -> None:
    stage.config = replace(CONFIG, rendered=0)
    optimiser = torch.optim.SGD(stage.network.parameters(), lr=0.5)
    values = []
    for _ in range(4):
        loss = stage.losses(torch.Generator().manual_seed(0))["planes"]
        values.append(float(loss.detach()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert values == sorted(values, reverse=True) and values[-1] < values[0]


def test_samples_begin_as_enlarged_planes(stage: PlaneUpsamplerStage) -> None:
    low = 0.3 * torch.randn(1, 8, 4, 12, generator=torch.Generator().manual_seed(0))
    seen = see(stage.people.portraits(stage.people.names[:1]), None)
    with torch.no_grad():
        *_, last = sample_large(stage.network.eval(), low, seen, CONFIG, torch.Generator().manual_seed(0))
    torch.testing.assert_close(last.x, enlarge(low, 16).clamp(-1, 1))
    assert last.count == 2


def test_a_sheet_shows_portraits_enlarged_sampled_and_fitted_planes(stage: PlaneUpsamplerStage, tmp_path: Path) -> None:
    stage.sheet(stage.network.state_dict(), tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").size == (7 * 96, 3 * 96)
    assert stage.record()["network"]["size"] == 16
