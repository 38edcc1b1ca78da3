# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from backend.models.embedding import EmbeddingConfig, JointEmbedding
from backend.models.view_denoiser import ViewDenoiserConfig
from backend.training.build import Places, train_stage
from backend.training.engine import EngineConfig, train
from backend.training.views_stage import SHEET_VIEWS, ViewsStage, ViewsStageConfig, to_device, trained_painter
from backend.weights import store
from backend.weights.cascade import Cascade, CascadeConfig
from tests.backend.training import surround_balls

CONFIG = ViewsStageConfig(batch=4, side=32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return surround_balls.write(tmp_path_factory.mktemp("surround"))


def stage(folder: Path) -> ViewsStage:
    torch.manual_seed(0)
    return ViewsStage(folder, JointEmbedding(EmbeddingConfig.tiny()), ViewDenoiserConfig.tiny(), CONFIG)


def held_out_loss(stage: ViewsStage) -> float:
    with torch.no_grad():
        return sum(float(stage.losses(torch.Generator().manual_seed(1000 + k))["correction"]) for k in range(8)) / 8


def test_balls_are_learned_and_the_painter_is_whole(folder: Path, tmp_path: Path) -> None:
    fresh, learning = stage(folder), stage(folder)
    engine = EngineConfig(steps=60, learning_rate=5e-3, warm_up=5, average=0.8, precision="no", save_every=30,
                          sheet_every=60)  # fmt: skip
    checkpoint = train(learning, engine, tmp_path)
    assert held_out_loss(learning) < 0.93 * held_out_loss(fresh)
    painter = trained_painter(checkpoint)
    assert painter.config.schedule == CONFIG.schedule
    sentence = ["a man with red hair"]
    torch.testing.assert_close(painter.embedding.text(sentence), fresh.embedding.text(sentence))
    state = torch.load(checkpoint, weights_only=True)["average"]
    torch.testing.assert_close(painter.denoiser.state_dict()["out.weight"], state["out.weight"])
    assert Image.open(tmp_path / "views_000060.png").size == (SHEET_VIEWS * 32, 3 * 32)


def test_a_fresh_network_errs_by_one_deviation_or_less(folder: Path) -> None:
    """The loss counts in deviations that are meant to be of the right size."""
    assert 0.05 < held_out_loss(stage(folder)) < 1


def test_the_embedding_is_not_trained(folder: Path) -> None:
    learning = stage(folder)
    learning.losses(torch.Generator().manual_seed(0))["correction"].backward()
    assert all(value.grad is None for value in learning.embedding.parameters())
    assert learning.network.out.weight.grad is not None
    truth = learning.people.draw(1, 32, torch.Generator().manual_seed(0))
    assert truth.z.grad is None


def test_the_shipped_embedding_stands_in(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a trained one; the network is as wide as its vectors are long."""
    shipped = Cascade.build(replace(CascadeConfig.tiny(), embedding=EmbeddingConfig.tiny()))
    monkeypatch.setattr(store, "load", lambda: shipped)
    places = Places(data=folder, out=tmp_path)
    path = train_stage("views", "tiny", places, EngineConfig(steps=1, sheet_every=0, precision="no"))
    painter = trained_painter(path)
    assert path == tmp_path / "views/views.pt"
    assert painter.config.denoiser.z_size == EmbeddingConfig.tiny().size


def test_knowledge_moves_between_devices(folder: Path) -> None:
    learning = stage(folder)
    from backend.training.view_wear import wear

    random = torch.Generator().manual_seed(0)
    seen = wear(learning.people.draw(2, 32, random), random)
    moved = to_device(seen, torch.device("cpu"))
    assert torch.equal(moved.guide, seen.guide) and torch.equal(moved.z, seen.z)
