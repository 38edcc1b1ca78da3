# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.models.clip import Adapter, AdapterConfig, ClipEmbedding, ClipEncoder
from backend.models.embedding import EmbeddingConfig, JointEmbedding
from backend.studio.parameters import SAMPLER_VERSION
from backend.training.clip import ClipStage, ClipTraining
from backend.training.engine import EngineConfig, train
from backend.training.portrait_set import PortraitSet
from tests.records import record
from tests.tiny_clip import save_tiny_clip

PEOPLE = 6


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> PortraitSet:
    folder = tmp_path_factory.mktemp("people")
    header = json.dumps({"sampler_version": SAMPLER_VERSION, "people": [record(seed) for seed in range(PEOPLE)]})
    colours = np.random.default_rng(0).integers(0, 255, (PEOPLE, 3, 8, 8, 4)).astype(np.uint8)
    np.savez(folder / f"people_00000000_{PEOPLE:08d}.npz", header=np.frombuffer(header.encode(), np.uint8),
             portrait_rgba=colours.repeat(4, 2).repeat(4, 3),
             portrait_normal=np.tile(np.int8([0, 0, 127]), (PEOPLE, 3, 32, 32, 1)))  # fmt: skip
    return PortraitSet(folder, 32)


def test_the_adapter_learns_where_the_own_encoders_lie(portraits: PortraitSet, tmp_path: Path) -> None:
    encoder = ClipEncoder.load(save_tiny_clip(tmp_path / "clip"))
    own = JointEmbedding(EmbeddingConfig.tiny()).eval().requires_grad_(False)
    stage = ClipStage(portraits, encoder, own, AdapterConfig(features=12, size=32, width=16), ClipTraining(batch=8))
    before = stage.losses(torch.Generator().manual_seed(0))
    engine = EngineConfig(steps=30, learning_rate=1e-2, warm_up=3, average=0.5, save_every=30, sheet_every=0)
    checkpoint = train(stage, engine, tmp_path)
    after = stage.losses(torch.Generator().manual_seed(0))
    assert all(float(after[name].detach()) < 0.7 * float(before[name].detach()) for name in ("image", "text"))
    record = torch.load(checkpoint, weights_only=True)["record"]["adapter"]
    joined = ClipEmbedding(encoder, Adapter(AdapterConfig(**record)), own)
    assert joined.text(["red hair"]).shape == (1, 32)
