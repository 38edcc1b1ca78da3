# SPDX-License-Identifier: GPL-3.0-or-later
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.evaluation.attributes import load_judge, verdict
from backend.models.judge import JudgeConfig
from backend.studio.attributes import JUDGED
from backend.studio.parameters import SAMPLER_VERSION
from backend.training.attributes import JudgeStage, JudgeTraining, Views, together, train_judge, worn
from backend.training.engine import EngineConfig
from tests.records import record

PEOPLE, SIZE = 16, 32
MODEL = JudgeConfig(
    image_size=SIZE, widths=(8, 8, 16), questions={name: len(groups) for name, (_, groups) in JUDGED.items()}
)
CONFIG = JudgeTraining(batch=16, held_out=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People who are discs, the men red and the women blue, from eight sides."""
    folder = tmp_path_factory.mktemp("people")
    records = [record(seed, male=seed % 2 == 0) for seed in range(PEOPLE)]
    line = np.linspace(-1, 1, SIZE)
    disc = np.hypot(*np.meshgrid(line, line)) < 0.8
    views = np.zeros((PEOPLE, 8, SIZE, SIZE, 4), np.uint8)
    for row in range(PEOPLE):
        views[row, :, disc] = (220, 30, 30, 255) if row % 2 == 0 else (30, 30, 220, 255)
    angles = np.zeros((PEOPLE, 8, 2), np.float32)
    angles[..., 0] = np.arange(8) * math.pi / 4 + 0.01
    header = json.dumps({"sampler_version": SAMPLER_VERSION, "people": records})
    np.savez(folder / f"people_00000000_{PEOPLE:08d}.npz", header=np.frombuffer(header.encode(), np.uint8),
             view_rgba=views, view_angles=angles)  # fmt: skip
    return folder


def test_only_views_from_the_front_and_the_sides_are_kept_over_white(folder: Path) -> None:
    views = Views(folder, SIZE)
    assert views.pictures.shape[1:] == (3, SIZE, SIZE)
    assert len(views.pictures) == 3 * PEOPLE  # 0.01 and a quarter of pi to both sides of it
    assert views.azimuth.abs().max() < 1.4
    assert views.pictures[0, :, 0, 0].tolist() == [255, 255, 255]
    assert views.pictures[0, :, SIZE // 2, SIZE // 2].tolist() == [220, 30, 30]
    assert views.person.tolist() == [row for row in range(PEOPLE) for _ in range(3)]


def test_worn_views_differ_and_stay_pictures() -> None:
    pictures = torch.rand(8, 3, 32, 32)
    first, second = (worn(pictures, 0.3, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert first.shape == pictures.shape and not torch.equal(first, second)
    assert first.min() >= 0 and first.max() <= 1


def test_a_verdict_weighs_all_views() -> None:
    unsure, sure = torch.tensor([0.1, 0.0]), torch.tensor([-3.0, 3.0])
    assert together({"sex": torch.stack([unsure, unsure, sure])}) == {"sex": 1}


def test_losses_repeat_with_the_same_draw(folder: Path) -> None:
    stage = JudgeStage(Views(folder, SIZE), MODEL, CONFIG)
    first, second = (stage.losses(torch.Generator().manual_seed(0)) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first) and len(first) == len(JUDGED)


def test_a_taught_judge_tells_reds_from_blues(folder: Path, tmp_path: Path) -> None:
    engine = EngineConfig(steps=40, learning_rate=1e-2, warm_up=4, average=0.8, save_every=20, sheet_every=0)
    weights = train_judge(folder, tmp_path, engine, CONFIG, MODEL)
    assert json.loads(weights.with_suffix(".json").read_text())["accuracy"]["sex"] == 1.0
    pictures = Views(folder, SIZE).pictures[:6].permute(0, 2, 3, 1).float() / 255
    judge = load_judge(weights)
    assert verdict(pictures[:3], judge)["sex"] == "male" and verdict(pictures[3:], judge)["sex"] == "female"
