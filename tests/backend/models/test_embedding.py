# SPDX-License-Identifier: GPL-3.0-or-later
import json

import torch

from backend.models.embedding import EmbeddingConfig, JointEmbedding, normalised


def test_both_ways_in_give_unit_vectors_of_one_space() -> None:
    network = JointEmbedding(EmbeddingConfig.tiny())
    image, text = network.image(torch.randn(2, 4, 32, 32)), network.text(["red hair", "a man", ""])
    assert image.shape == (2, 32) and text.shape == (3, 32)
    for z in (image, text):
        torch.testing.assert_close(z.square().mean(1), torch.ones(len(z)))
    assert network.similarity(image, text).shape == (2, 3)


def test_z_tells_components_and_attributes() -> None:
    config = EmbeddingConfig.tiny()
    network = JointEmbedding(config)
    z = network.text(["a man"])
    assert network.components(z).shape == (1, config.components)
    assert {name: logits.shape[1] for name, logits in network.attributes(z).items()} == {"sex": 2, "age": 4}


def test_similarity_of_a_vector_to_itself_is_the_scale() -> None:
    network = JointEmbedding(EmbeddingConfig.tiny())
    z = normalised(torch.randn(3, 32))
    torch.testing.assert_close(network.similarity(z, z).diagonal(), network.log_scale.exp().expand(3))


def test_configurations_survive_json() -> None:
    config = EmbeddingConfig(attributes={"sex": 2})
    assert EmbeddingConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_zero_is_normalised_to_something_finite() -> None:
    assert normalised(torch.zeros(1, 8)).isfinite().all()
