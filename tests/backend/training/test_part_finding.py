# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.evaluation.hair import hair_mask, held_out_overlap, load_hair_finder
from backend.models.hair_finder import HairFinderConfig
from backend.training.engine import EngineConfig
from backend.training.hair_finding import train_hair_finder
from backend.training.look_set import LookSet
from tests.backend.training import sitting_balls


def test_the_hair_of_balls_is_found_measured_and_found_again(tmp_path: Path) -> None:
    folder = sitting_balls.write(tmp_path / "people")
    engine = EngineConfig(steps=25, learning_rate=1e-2, warm_up=2, average=0.7, precision="no", sheet_every=0)
    network = HairFinderConfig(side=32, widths=(8, 8, 16, 16))
    weights = tmp_path / "hair.safetensors"
    told = train_hair_finder(folder, folder, tmp_path / "run", engine, weights, network=network, pictures=24)
    assert held_out_overlap(weights) == pytest.approx(told) and told > 0.5
    pictures, true = LookSet(folder).haired(6, 64, torch.Generator().manual_seed(0))
    mask = hair_mask(pictures, load_hair_finder(weights))
    assert mask.shape == true.shape
    assert float(mask[true > 0.9].mean()) > 0.2 + float(mask[true < 0.1].mean())
