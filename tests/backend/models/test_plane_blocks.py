# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.models.plane_blocks import (
    CrossAttention,
    FeatureTokens,
    JointAttention,
    LatentPool,
    PlaneResBlock,
    saving_memory,
)


@pytest.mark.parametrize("aware", [False, True])
def test_a_block_starts_as_its_skip_at_any_side(aware: bool) -> None:
    image, embedding = torch.arange(8.0).view(1, 8, 1, 1).expand(1, 8, 4, 12), torch.randn(1, 6)
    for resample, side in ((None, 4), ("up", 8), ("down", 2)):
        out = PlaneResBlock(8, 8, 6, aware, resample)(image, embedding)
        assert torch.equal(out, image[..., :1, :1].expand(1, 8, side, 3 * side))


def test_resampling_keeps_to_each_plane() -> None:
    image = torch.cat([torch.full((1, 8, 4, 4), float(k)) for k in range(3)], -1)
    for resample, side in (("up", 8), ("down", 2)):
        out = PlaneResBlock(8, 8, 6, False, resample)(image, torch.randn(1, 6))
        assert [plane.unique().tolist() for plane in out.chunk(3, -1)] == [[0], [1], [2]], side


def test_tokens_join_keys_and_values() -> None:
    torch.manual_seed(0)
    attention = JointAttention(16, 8, token_channels=4)
    torch.nn.init.normal_(attention.out.weight)
    image, tokens = torch.randn(1, 16, 2, 6), torch.randn(1, 3, 4)
    alone, joined = attention(image), attention(image, tokens)
    assert not torch.allclose(alone, joined)
    # By hand, one head at a time.
    flat = attention.query_key_value(attention.norm(image).flatten(2))[0]
    seen = attention.token_key_value(tokens)[0].T
    mixed = []
    for head in range(2):
        query, key, value = (flat[16 * n + 8 * head : 16 * n + 8 * head + 8] for n in range(3))
        key = torch.cat([seen[8 * head : 8 * head + 8], key], 1)
        value = torch.cat([seen[16 + 8 * head : 24 + 8 * head], value], 1)
        mixed.append(value @ (query.T @ key / 8**0.5).softmax(-1).T)
    by_hand = image + attention.out(torch.cat(mixed)[None]).view_as(image)
    torch.testing.assert_close(joined, by_hand, atol=1e-5, rtol=1e-4)


def test_crossing_pixels_do_not_see_each_other() -> None:
    attention = CrossAttention(8, 8, token_channels=4)
    torch.nn.init.normal_(attention.out.weight)
    image, tokens = torch.randn(1, 8, 2, 6), torch.randn(1, 3, 4)
    attention.norm = torch.nn.GroupNorm(8, 8, affine=False).eval()
    out = attention(image, tokens) - image
    swapped = attention(image.flip(-1), tokens) - image.flip(-1)
    torch.testing.assert_close(out.flip(-1), swapped)


def test_features_and_latents_become_tokens_and_a_vector() -> None:
    assert FeatureTokens(16, 32, 12, side=8)(torch.randn(2, 16, 32, 32)).shape == (2, 64, 12)
    pooled = LatentPool(4, 32, 24)(torch.randn(2, 4, 32, 32))
    assert pooled.shape == (2, 24)
    torch.testing.assert_close(pooled.mean(1), torch.zeros(2), atol=1e-5, rtol=0)


def test_saving_memory_gives_the_same_values() -> None:
    block, x = torch.nn.Linear(3, 3), torch.randn(2, 3, requires_grad=True)
    assert torch.equal(saving_memory(block, True, x), saving_memory(block, False, x))
