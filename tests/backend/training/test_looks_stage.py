# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch
from PIL import Image

from backend.models.look_denoiser import Known, LookDenoiserConfig
from backend.training.build import Places, build_stage, train_stage
from backend.training.engine import EngineConfig, train
from backend.training.looks_stage import SHEET, LooksStage, LooksStageConfig, begun_looks, sample, trained_looks
from tests.backend.training import sitting_balls

CONFIG = LooksStageConfig(batch=4, side=16, imagined_batch=4, imagined_side=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sitting_balls.write(tmp_path_factory.mktemp("sittings"))


def stage(folder: Path) -> LooksStage:
    torch.manual_seed(0)
    return LooksStage(folder, LookDenoiserConfig.tiny(), CONFIG)


def held_out_loss(stage: LooksStage) -> float:
    with torch.no_grad():
        return sum(float(stage.losses(torch.Generator().manual_seed(1000 + k))["correction"]) for k in range(6)) / 6


def test_looks_of_balls_are_learned_and_the_model_is_whole(folder: Path, tmp_path: Path) -> None:
    fresh, learning = stage(folder), stage(folder)
    engine = EngineConfig(steps=40, learning_rate=5e-3, warm_up=5, average=0.8, precision="no", save_every=20,
                          sheet_every=40)  # fmt: skip
    checkpoint = train(learning, engine, tmp_path)
    assert held_out_loss(learning) < 0.9 * held_out_loss(fresh)
    model = trained_looks(checkpoint)
    assert begun_looks(checkpoint) == model.config.network and begun_looks(tmp_path / "none.pt") is None
    made = sample(model, ["a bronze statue"], Known.nothing(1, 16), torch.Generator().manual_seed(0), 2.0, steps=3)
    assert made.shape == (1, 3, 16, 16) and 0 <= float(made.min()) <= float(made.max()) <= 1
    assert Image.open(tmp_path / "looks_000040.png").size == (len(SHEET) * 16, 4 * 16)


def test_the_shipped_network_reads_the_studios_words(folder: Path, tmp_path: Path) -> None:
    learning = LooksStage(folder, None, CONFIG)
    text = learning.network.text
    assert text.unknown("a bronze statue of an old woman with green hair") == []
    assert text.unknown("a quux") == ["quux"]


def test_it_is_trained_by_its_name(folder: Path, tmp_path: Path) -> None:
    places = Places(data=folder, out=tmp_path)
    checkpoint = train_stage("looks", "tiny", places, EngineConfig(steps=1, precision="no", sheet_every=0))
    assert checkpoint == places.of("looks")
    again = build_stage("looks", "default", places)
    assert isinstance(again, LooksStage) and again.network.config == LookDenoiserConfig.tiny()
