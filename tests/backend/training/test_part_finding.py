# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.faces.parts import hair_mask, held_out_overlaps, load_part_finder, parts_of
from backend.models.part_finder import PartFinderConfig
from backend.training.engine import EngineConfig
from backend.training.look_set import LookSet
from backend.training.part_finding import train_part_finder
from tests.backend.training import sitting_balls


def test_the_parts_of_balls_are_found_measured_and_found_again(tmp_path: Path) -> None:
    folder = sitting_balls.write(tmp_path / "people")
    engine = EngineConfig(steps=40, learning_rate=1e-2, warm_up=2, average=0.7, precision="no", sheet_every=0)
    network = PartFinderConfig(side=32, widths=(8, 8, 16, 16))
    weights = tmp_path / "parts.safetensors"
    told = train_part_finder(folder, folder, tmp_path / "run", engine, weights, network=network, pictures=24)
    assert held_out_overlaps(weights) == pytest.approx(told)
    assert set(told) == {"body", "hair", "top"} and min(told.values()) > 0.4, told
    finder = load_part_finder(weights)
    pictures, true = LookSet(folder).parted(6, 64, torch.Generator().manual_seed(0))
    mask, hair = hair_mask(pictures, finder), (true == 7)[:, None]
    assert mask.shape == hair.shape
    assert float(mask[hair].mean()) > 0.2 + float(mask[~hair].mean())
    assert float((parts_of(pictures, finder) == true).float().mean()) > 0.8
