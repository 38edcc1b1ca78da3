# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.models.look_denoiser import Known
from backend.weights.looks import LookModel, LookModelConfig, denoiser, load_looks, save_looks
from backend.weights.store import WeightsError


def _model() -> LookModel:
    torch.manual_seed(0)
    model = LookModel.build(LookModelConfig.tiny())
    for parameter in model.network.parameters():
        if not bool(parameter.any()):  # what starts at zero would say nothing
            torch.nn.init.normal_(parameter, std=0.1)
    return model


@torch.no_grad()
def test_a_model_is_read_as_it_was_written(tmp_path: Path) -> None:
    model = _model()
    save_looks(model, tmp_path / "looks.safetensors")
    again = load_looks(tmp_path / "looks.safetensors")
    assert again.config == model.config
    noise = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    ask, same = (denoiser(each, ["bronze"], Known.nothing(1, 16)) for each in (model, again))
    torch.testing.assert_close(ask(noise, torch.ones(1)), same(noise, torch.ones(1)), atol=2e-2, rtol=0)


@torch.no_grad()
def test_guidance_goes_on_beyond_what_the_sentence_says() -> None:
    model, known = _model(), Known.nothing(1, 16)
    noise, u = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.full((1,), 0.6)
    said, silent = denoiser(model, ["bronze"], known)(noise, u), denoiser(model, [""], known)(noise, u)
    strict = denoiser(model, ["bronze"], known, 3.0)(noise, u)
    torch.testing.assert_close(strict, silent + 3 * (said - silent), atol=1e-4, rtol=1e-3)
    other = denoiser(model, ["bronze"], known, 3.0, ["woman"])(noise, u)
    assert not torch.allclose(other, strict, atol=1e-4)


def test_missing_and_foreign_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="missing"):
        load_looks(tmp_path / "looks.safetensors")
    (tmp_path / "looks.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="damaged"):
        load_looks(tmp_path / "looks.safetensors")
