# SPDX-License-Identifier: GPL-3.0-or-later
import json

import numpy as np
import pytest
import torch

from backend.models.embedding import EmbeddingConfig, JointEmbedding
from backend.studio.parameters import SAMPLER_VERSION
from backend.training.encoded import encode_photographs, encode_sentences
from backend.training.portrait_set import PortraitSet
from backend.training.portraits import plain_photograph
from tests.records import record

PEOPLE = 5


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> PortraitSet:
    folder = tmp_path_factory.mktemp("people")
    header = json.dumps({"sampler_version": SAMPLER_VERSION, "people": [record(seed) for seed in range(PEOPLE)]})
    random = np.random.default_rng(0)
    np.savez(folder / f"people_00000000_{PEOPLE:08d}.npz", header=np.frombuffer(header.encode(), np.uint8),
             portrait_rgba=random.integers(0, 255, (PEOPLE, 3, 32, 32, 4)).astype(np.uint8),
             portrait_normal=np.tile(np.int8([0, 0, 127]), (PEOPLE, 3, 32, 32, 1)))  # fmt: skip
    return PortraitSet(folder, 32)


def test_plain_photographs_come_first_and_worn_ones_differ(portraits: PortraitSet) -> None:
    embedding = JointEmbedding(EmbeddingConfig.tiny()).eval()
    image = encode_photographs(portraits, embedding, plain=1, worn=2)
    assert image.shape == (PEOPLE, 3, 32)
    torch.testing.assert_close(image.square().mean(2), torch.ones(PEOPLE, 3))
    rgba, normal, _ = portraits.pick(torch.tensor([3]), torch.tensor([0]))
    with torch.inference_mode():
        alone = embedding.image(plain_photograph(rgba, normal))
    torch.testing.assert_close(image[3, :1], alone, atol=1e-5, rtol=1e-4)
    assert not torch.equal(image[:, 1], image[:, 2])


def test_the_plain_caption_comes_first_among_sentences(portraits: PortraitSet) -> None:
    embedding = JointEmbedding(EmbeddingConfig.tiny()).eval()
    text = encode_sentences(portraits.records, embedding, 3)
    assert text.shape == (PEOPLE, 3, 32)
    with torch.inference_mode():
        plain = embedding.text([str(portraits.records[2]["caption"])])
    torch.testing.assert_close(text[2, :1], plain, atol=1e-5, rtol=1e-4)
