# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.models.clip import Adapter, AdapterConfig, ClipEmbedding, ClipEncoder, ClipError
from backend.models.embedding import EmbeddingConfig, JointEmbedding
from tests.tiny_clip import save_tiny_clip

ADAPTER = AdapterConfig(features=12, size=32, width=16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def encoder(folder: Path) -> ClipEncoder:
    return ClipEncoder.load(folder)


def test_features_are_unit_vectors_of_the_joint_space(encoder: ClipEncoder) -> None:
    image, text = encoder.image(torch.rand(2, 4, 64, 64) * 2 - 1), encoder.text(["red hair", "a man with a beard"])
    assert image.shape == text.shape == (2, encoder.features)
    for features in (image, text):
        torch.testing.assert_close(features.norm(dim=1), torch.ones(2))


def test_features_agree_with_the_library_s_own_path(encoder: ClipEncoder) -> None:
    tokens = encoder.tokenizer(["abc"], return_tensors="pt")
    pixels = torch.rand(1, 3, 32, 32)
    mean, deviation = (
        torch.tensor([0.48145466, 0.4578275, 0.40821073]),
        torch.tensor([0.26862954, 0.26130258, 0.27577711]),
    )
    prepared = (pixels - mean[:, None, None]) / deviation[:, None, None]
    both = encoder.model(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"], pixel_values=prepared)
    own = encoder.image(torch.cat([pixels * 2 - 1, torch.ones(1, 1, 32, 32)], 1))
    torch.testing.assert_close(encoder.text(["abc"]), both.text_embeds, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(own, both.image_embeds, atol=1e-4, rtol=1e-3)


def test_long_sentences_are_cut_and_nothing_is_learned_of_clip(encoder: ClipEncoder) -> None:
    assert encoder.text(["a man " * 60]).isfinite().all()
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())


def test_it_stands_in_for_the_own_embedding(encoder: ClipEncoder) -> None:
    own = JointEmbedding(EmbeddingConfig.tiny())
    joined = ClipEmbedding(encoder, Adapter(ADAPTER), own)
    z = joined.text(["a viking", ""])
    torch.testing.assert_close(z.square().mean(1), torch.ones(2))
    assert joined.image(torch.rand(2, 4, 32, 32)).shape == z.shape
    torch.testing.assert_close(joined.components(z), own.components(z))
    assert joined.attributes(z).keys() == own.attributes(z).keys()


def test_adapters_survive_their_file(tmp_path: Path) -> None:
    adapter = Adapter(ADAPTER)
    adapter.save(tmp_path / "clip.safetensors")
    features = torch.randn(2, 12)
    torch.testing.assert_close(Adapter.load(tmp_path / "clip.safetensors").text(features), adapter.text(features))


def test_a_folder_without_clip_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ClipError) as refused:
        ClipEncoder.load(tmp_path)
    assert "holds no CLIP" in refused.value.message and "config.json" in refused.value.hint
