# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.models.decoder import DecoderConfig, FieldDecoder
from backend.training.subjects import save_subject
from tests.backend.training.balls import ball_subject


@pytest.fixture(scope="session")
def balls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four subjects."""
    folder = tmp_path_factory.mktemp("balls")
    for index in range(4):
        save_subject(ball_subject(index, size=16, cameras=3), folder)
    return folder


@pytest.fixture
def decoder() -> FieldDecoder:
    torch.manual_seed(0)
    return FieldDecoder(DecoderConfig(channels=4, hidden=8)).requires_grad_(False)
