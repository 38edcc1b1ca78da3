# SPDX-License-Identifier: GPL-3.0-or-later
import json

import torch

from backend.weights.painter import Painter, PainterConfig


def test_configurations_survive_json() -> None:
    config = PainterConfig.tiny()
    assert PainterConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_a_built_painter_is_for_use() -> None:
    painter = Painter.build(PainterConfig.tiny()).to(torch.device("cpu"))
    assert not any(value.requires_grad for module in painter.modules().values() for value in module.parameters())
    assert not painter.denoiser.training
    assert painter.embedding.text(["a woman"]).shape[1] == painter.config.denoiser.z_size
