# SPDX-License-Identifier: GPL-3.0-or-later
import torch
from torch.nn import functional

from backend.models.vit import Vit, VitBlock, VitConfig, joined, split


def test_attention_is_what_torch_calls_multi_head() -> None:
    config = VitConfig.tiny()
    block, x = VitBlock(config).eval(), torch.randn(2, 5, config.width)
    own = torch.nn.MultiheadAttention(config.width, config.heads, batch_first=True).eval()
    own.in_proj_weight.data = torch.cat([block.q.weight, block.k.weight, block.v.weight])
    own.in_proj_bias.data = torch.cat([block.q.bias, block.k.bias, block.v.bias])
    own.out_proj.load_state_dict(block.out.state_dict())
    y = block.norm1(x)
    after = x + own(y, y, y, need_weights=False)[0]
    expected = after + block.back(functional.gelu(block.wide(block.norm2(after))))
    assert torch.allclose(block(x), expected, atol=1e-5)


def test_places_are_the_learned_ones_or_between_them() -> None:
    model = Vit(VitConfig.tiny()).eval()
    torch.nn.init.normal_(model.places)
    assert torch.equal(model._positions(2), model.places)
    model.places.data[:, 1:] = 1.0
    assert torch.allclose(model._positions(7)[:, 1:], torch.ones(1, 49, 32), atol=1e-5)
    assert torch.equal(model._positions(7)[:, :1], model.places[:, :1])


def test_a_picture_has_one_vector_more_than_patches() -> None:
    model = Vit(VitConfig.tiny()).eval()
    assert model(torch.rand(2, 3, 24, 24)).shape == (2, 1 + 9, 32)


def test_heads_are_split_and_joined() -> None:
    x = torch.randn(2, 5, 12)
    assert split(x, 3).shape == (2, 3, 5, 4) and torch.equal(joined(split(x, 3)), x)
