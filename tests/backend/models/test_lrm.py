# SPDX-License-Identifier: GPL-3.0-or-later
import json

import pytest
import torch

from backend.geometry.cameras import Rays
from backend.geometry.feature_planes import FeaturePlanes
from backend.models.lrm import Lrm, LrmConfig

TINY = LrmConfig.tiny()


@pytest.fixture(scope="module")
def model() -> Lrm:
    torch.manual_seed(0)
    return Lrm(TINY).eval().requires_grad_(False)


def test_a_picture_becomes_planes_block_by_block(model: Lrm) -> None:
    steps = list(model.steps(torch.rand(2, 3, 32, 32)))
    assert steps[:-1] == list(range(1, TINY.layers + 1))
    assert isinstance(steps[-1], FeaturePlanes) and steps[-1].planes.shape == (2, 3, TINY.features, 8, 8)


def test_the_picture_decides(model: Lrm) -> None:
    one, other = model(torch.rand(1, 3, 32, 32)), model(torch.rand(1, 3, 32, 32))
    assert not torch.allclose(one.planes, other.planes)


def test_planes_do_not_mix_their_order(model: Lrm) -> None:
    """With a silent transformer each plane is its own tokens, enlarged."""
    silent = Lrm(TINY).eval()
    torch.nn.init.zeros_(silent.transformer.back.weight)
    torch.nn.init.zeros_(silent.transformer.back.bias)
    with torch.inference_mode():
        found = silent(torch.rand(1, 3, 32, 32)).planes[0]
        assert torch.allclose(found, silent.upsample(silent.tokens), atol=1e-6)


def test_a_dense_model_is_seen_in_its_colour(model: Lrm) -> None:
    dense = Lrm(TINY).eval()
    last = dense.decoder[-1]
    torch.nn.init.zeros_(last.weight)
    last.bias.data.copy_(torch.tensor([8.0, 2.0, 0.0, -2.0]))
    rays = Rays(torch.tensor([[3.0, 0.1, 0.2]]), torch.tensor([[-1.0, 0.0, 0.0]]))
    with torch.inference_mode():
        rgb, alpha = dense.render(dense(torch.rand(1, 3, 32, 32)), rays)
    assert torch.allclose(rgb, torch.sigmoid(torch.tensor([[2.0, 0.0, -2.0]])), atol=1e-3) and alpha > 0.999


def test_a_configuration_survives_json() -> None:
    assert LrmConfig.from_json(json.loads(json.dumps(LrmConfig().to_json()))) == LrmConfig()
