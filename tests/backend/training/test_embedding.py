# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.models.embedding import EmbeddingConfig
from backend.models.plane_codec import CodecConfig
from backend.models.portrait_encoder import PortraitEncoderConfig
from backend.models.text_encoder import TextEncoderConfig
from backend.studio.attributes import CLASSES
from backend.studio.dataset import DatasetError
from backend.studio.parameters import SAMPLER_VERSION
from backend.training.embedding import EmbeddingStage, EmbeddingTraining, load_embedding, train_embedding
from backend.training.engine import EngineConfig
from backend.training.latents import LatentSet, learn_latents
from backend.training.portrait_set import PortraitSet
from tests.records import record

PEOPLE = 12
MODEL = EmbeddingConfig(
    size=32, components=4, width=16, attributes={name: len(classes) for name, classes in CLASSES.items()},
    portrait=PortraitEncoderConfig.tiny(), text=TextEncoderConfig.tiny(),
)  # fmt: skip
CONFIG = EmbeddingTraining(batch=8, held_out=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shard of people whose portraits show sex as brightness: squares in a square, with views to match."""
    folder = tmp_path_factory.mktemp("people")
    records = [record(seed, male=seed % 2 == 0) for seed in range(PEOPLE)]
    bright = np.array([230 if person["male"] else 40 for person in records], np.uint8)
    portrait = np.zeros((PEOPLE, 3, 32, 32, 4), np.uint8)
    portrait[:, :, 4:28, 6:26] = np.concatenate([np.repeat(bright[:, None], 3, 1), np.full((PEOPLE, 1), 255)], 1)[
        :, None, None, None
    ]
    views = np.random.default_rng(0).integers(0, 255, (PEOPLE, 3, 2, 32, 32, 4)).astype(np.uint8)
    header = json.dumps({"sampler_version": SAMPLER_VERSION, "people": records})
    np.savez(
        folder / f"people_00000000_{PEOPLE:08d}.npz", header=np.frombuffer(header.encode(), np.uint8),
        portrait_rgba=portrait, portrait_normal=np.tile(np.int8([0, 0, 127]), (PEOPLE, 3, 32, 32, 1)),
        axis_rgba=views, axis_depth=np.zeros((PEOPLE, 3, 2, 32, 32), np.float16),
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def latents(folder: Path) -> LatentSet:
    return learn_latents(folder, CodecConfig.tiny(), 4)


def test_losses_are_finite_and_repeat_with_the_same_draw(folder: Path, latents: LatentSet) -> None:
    stage = EmbeddingStage(PortraitSet(folder, 32), latents, MODEL, CONFIG)
    first, second = (stage.losses(torch.Generator().manual_seed(1)) for _ in range(2))
    assert first.keys() == second.keys() and len(first) == 6
    assert all(bool(first[name].isfinite()) and first[name].equal(second[name]) for name in first)


def test_a_sentence_of_a_person_is_true_or_strange(folder: Path, latents: LatentSet) -> None:
    stage = EmbeddingStage(PortraitSet(folder, 32), latents, MODEL, CONFIG)
    words = np.random.default_rng(0)
    said = [stage.sentence(0, words) for _ in range(200)]
    assert len(set(said)) > 150 and any("xyzzy" in sentence for sentence in said)
    assert not any("woman" in sentence for sentence in said)


def test_training_learns_and_leaves_a_network_with_its_scores(folder: Path, latents: LatentSet, tmp_path: Path) -> None:
    engine = EngineConfig(steps=60, learning_rate=1e-2, warm_up=3, average=0.9, save_every=6, sheet_every=60)
    checkpoint = train_embedding(folder, latents, tmp_path, engine, CONFIG, MODEL)
    curve = [json.loads(line) for line in (tmp_path / "embedding.jsonl").read_text().splitlines()]
    for name in ("contrast", "image_attributes", "text_attributes"):
        assert curve[-1][name] < curve[0][name]
    scores = json.loads((tmp_path / "embedding.json").read_text())
    assert scores["people"] == 9 and scores["retrieval"]["among"] == 3
    assert all(0 <= scores[kind]["sex"] <= 1 for kind in ("image", "text"))
    assert (tmp_path / "embedding_000060.png").exists()
    assert load_embedding(checkpoint).text(["a man"]).shape == (1, 32)


def test_latents_of_other_people_are_refused(folder: Path, latents: LatentSet) -> None:
    own = {name: getattr(latents, name) for name in LatentSet.__slots__}
    others = LatentSet(**{**own, "seeds": latents.seeds + 5})
    with pytest.raises(DatasetError, match="different people"):
        EmbeddingStage(PortraitSet(folder, 32), others, MODEL, CONFIG)
