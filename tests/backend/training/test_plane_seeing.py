# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.models.embedding import EmbeddingConfig, JointEmbedding
from backend.training.plane_seeing import by_embedding
from backend.training.portraits import compose


def test_z_is_the_embeddings_own_of_the_portrait_on_grey() -> None:
    torch.manual_seed(0)
    embedding = JointEmbedding(EmbeddingConfig.tiny())
    picture, matte = torch.rand(2, 3, 32, 32), (torch.rand(2, 1, 32, 32) > 0.5).float()
    seen = by_embedding(embedding)(torch.cat([picture, matte], 1) * 2 - 1, None)
    torch.testing.assert_close(seen.z, embedding.image(compose(picture, matte)), atol=1e-4, rtol=1e-3)
    assert not seen.z.requires_grad and seen.features == () and seen.latent is None
