# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.evaluation.looks import held_out_accuracy, load_look_judge, looks_of
from backend.studio.looks import LOOKS
from backend.training.engine import EngineConfig
from backend.training.look_judging import LookJudgeTraining, train_look_judge, worn
from backend.training.look_set import LookSet
from tests.backend.training import sitting_balls


@pytest.mark.filterwarnings("ignore")
def test_a_judge_is_taught_measured_and_read_again(tmp_path: Path) -> None:
    folder = sitting_balls.write(tmp_path / "people")
    engine = EngineConfig(steps=6, learning_rate=3e-3, warm_up=1, average=0.5, precision="no", sheet_every=0)
    weights = tmp_path / "judge.safetensors"
    told = train_look_judge(folder, folder, tmp_path / "run", engine, weights, pictures=96, batch=16)
    assert held_out_accuracy(weights) == told and 0 < told["mean"] <= 1
    pictures, _ = LookSet(folder).labelled(3, 48, torch.Generator().manual_seed(0))
    assert set(looks_of(pictures, load_look_judge(weights))) <= {look.name for look in LOOKS}


def test_wear_leaves_pictures_pictures() -> None:
    pictures = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    softer = worn(pictures, LookJudgeTraining(), torch.Generator().manual_seed(1))
    assert softer.shape == pictures.shape and 0 <= float(softer.min()) <= float(softer.max()) <= 1
    assert float(softer.diff(dim=3).abs().mean()) < float(pictures.diff(dim=3).abs().mean())
