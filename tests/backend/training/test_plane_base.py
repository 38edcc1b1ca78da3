# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from backend.diffusion.parametrisation import Prediction
from backend.models.unet import PlaneCondition, PlaneUNetConfig
from backend.training.engine import EngineConfig, train
from backend.training.plane_base import PlaneBaseConfig, PlaneBaseStage, sample_planes
from backend.training.plane_set import PlaneSet

NETWORK = replace(PlaneUNetConfig.tiny(), channels=8, size=16, aware_heights=(16,), attention_heights=(8,))
CONFIG = PlaneBaseConfig(batch=2, steps=50, sample_steps=2)


def see(portraits: Tensor, random: torch.Generator | None) -> PlaneCondition:
    """Colours stand for features: a condition that costs nothing and tells the balls apart."""
    mean = portraits[:, :3].mean((2, 3))
    features = mean[:, :, None, None].repeat(1, 2, 16, 16)[:, :4]
    return PlaneCondition((features,), features[:, :, ::2, ::2], mean.repeat(1, 2))


@pytest.mark.parametrize(("prediction", "variance"), [("eps", True), ("v", False), ("x0", True)])
def test_it_learns_and_samples_whatever_it_predicts(
    run_of_balls: Path, tmp_path: Path, prediction: Prediction, variance: bool
) -> None:
    people = PlaneSet(run_of_balls)
    config = replace(CONFIG, prediction=prediction)
    stage = PlaneBaseStage(people, see, replace(NETWORK, learned_variance=variance), config)
    terms = stage.losses(torch.Generator().manual_seed(0))
    assert set(terms) == ({"simple", "bound"} if variance else {"simple"})
    before = float(_mean_loss(stage))
    state = torch.load(
        train(stage, EngineConfig(steps=8, learning_rate=5e-3, warm_up=2, sheet_every=0, precision="no"), tmp_path),
        weights_only=True,
    )
    assert float(_mean_loss(stage)) < before
    assert state["record"]["network"]["channels"] == 8 and state["record"]["people"] == 4
    seen = see(people.portraits(people.names[:2]), None)
    *_, last = sample_planes(stage.network.eval(), seen, config, torch.Generator().manual_seed(0), 2)
    assert last.x.shape == (2, 8, 16, 48) and last.x.abs().max() <= 1 and last.count == 2


def test_a_sheet_shows_portraits_fits_and_samples(run_of_balls: Path, tmp_path: Path) -> None:
    stage = PlaneBaseStage(PlaneSet(run_of_balls), see, NETWORK, replace(CONFIG, sample_steps=1))
    stage.sheet(stage.network.state_dict(), tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").size == (7 * 96, 4 * 96)


def test_networks_of_another_size_are_refused(run_of_balls: Path) -> None:
    with pytest.raises(ValueError, match=r"4 x 8², the people have 8 x 16²"):
        PlaneBaseStage(PlaneSet(run_of_balls), see, PlaneUNetConfig.tiny(), CONFIG)


def _mean_loss(stage: PlaneBaseStage) -> Tensor:
    with torch.no_grad():
        return torch.stack([stage.losses(torch.Generator().manual_seed(k))["simple"] for k in range(2)]).mean()
