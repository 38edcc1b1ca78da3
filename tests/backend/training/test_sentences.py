# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import torch

from backend.models.embedding import EmbeddingConfig, JointEmbedding, normalised
from backend.models.portrait_encoder import PortraitEncoderConfig
from backend.models.text_encoder import TextEncoderConfig
from backend.studio.attributes import CLASSES
from backend.training.encoded import EncodedPeople
from backend.training.engine import EngineConfig, train
from backend.training.sentences import FROZEN, SentenceStage, SentenceTraining
from tests.records import record

MODEL = EmbeddingConfig(
    size=32, components=4, width=16, attributes={name: len(classes) for name, classes in CLASSES.items()},
    portrait=PortraitEncoderConfig.tiny(), text=TextEncoderConfig.tiny(),
)  # fmt: skip


def make_stage() -> SentenceStage:
    """People whose photographs lie apart by sex alone."""
    records = [record(seed, male=seed % 2 == 0) for seed in range(24)]
    random = torch.Generator().manual_seed(0)
    centres = torch.randn(2, 1, 32, generator=random)
    image = normalised(centres[torch.arange(24) % 2] + 0.3 * torch.randn(24, 2, 32, generator=random))
    people = EncodedPeople(image, image[:, :0])
    return SentenceStage(people, records, JointEmbedding(MODEL), SentenceTraining(batch=16, held_out=6))


def test_sentences_learn_and_portraits_stay_where_they_are(tmp_path: Path) -> None:
    stage = make_stage()
    before = {name: value.clone() for name, value in stage.network.state_dict().items()}
    engine = EngineConfig(steps=60, learning_rate=1e-2, warm_up=5, average=0.9, save_every=60, sheet_every=0)
    state = torch.load(train(stage, engine, tmp_path), weights_only=True)["network"]
    for name, value in state.items():
        if name.startswith(FROZEN):
            assert torch.equal(value, before[name])
    assert any(not torch.equal(value, before[name]) for name, value in state.items() if name.startswith("text_encoder"))
    scores = stage.accuracy(stage.network.eval())
    assert scores["text"]["sex"] > 0.8 and scores["image"]["sex"] > 0.8


def test_losses_repeat_with_the_same_draw() -> None:
    stage = make_stage()
    first, second = (stage.losses(torch.Generator().manual_seed(2)) for _ in range(2))
    assert len(first) == 4 and all(torch.equal(first[name], second[name]) for name in first)
