# SPDX-License-Identifier: GPL-3.0-or-later
import json
from pathlib import Path

import pytest
import torch

from backend.adaptation.distillation import Words, opinion, surrogate
from backend.adaptation.errors import AdaptationError
from backend.adaptation.plan import Distillation
from backend.adaptation.prior import PicturePrior, PriorPlace, load_prior
from backend.adaptation.stable_diffusion import StableDiffusion
from tests.tiny_diffusion import SIDE, save_tiny_diffusion

pytest.importorskip("diffusers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_diffusion(tmp_path_factory.mktemp("diffusion"))


@pytest.fixture(scope="module")
def prior(folder: Path) -> StableDiffusion:
    found = load_prior("stable-diffusion", PriorPlace(folder=folder))
    assert isinstance(found, StableDiffusion) and isinstance(found, PicturePrior)
    return found


def test_sentences_differ_and_the_empty_one_is_nothing_special(prior: StableDiffusion) -> None:
    text = prior.text(["a marble statue", "zzz", ""])
    assert text.shape[0] == 3 and not torch.equal(text[0], text[2]) and not torch.equal(text[0], text[1])


def test_gradients_reach_the_pictures_through_the_autoencoder(prior: StableDiffusion) -> None:
    assert prior.side == SIDE
    pictures = torch.rand(2, 3, SIDE, SIDE, requires_grad=True)
    latents = prior.encode(pictures * 2 - 1)
    said = opinion(prior, latents, Words.of(prior, "marble"), Distillation(), torch.Generator().manual_seed(0))
    assert said.gradient.shape == latents.shape and not said.gradient.requires_grad
    surrogate(latents, said.gradient).backward()
    assert pictures.grad is not None and pictures.grad.abs().amax() > 0
    assert prior.decode(latents.detach()).shape == pictures.shape


def test_velocities_are_turned_into_noise(prior: StableDiffusion, folder: Path, tmp_path: Path) -> None:
    """Of the same network, said to predict v = sqrt(a) noise - sqrt(1 - a) picture: a noisy picture whose parts are
    known gives them back."""
    other = tmp_path / "velocity"
    other.mkdir()
    for part in folder.iterdir():
        if part.name != "scheduler":
            (other / part.name).symlink_to(part)
    (other / "scheduler").mkdir()
    told = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    (other / "scheduler" / "scheduler_config.json").write_text(json.dumps(told | {"prediction_type": "v_prediction"}))
    velocity = load_prior("stable-diffusion", PriorPlace(folder=other))
    noisy = torch.randn_like(prior.encode(torch.zeros(2, 3, SIDE, SIDE)))
    times, text = torch.tensor([10, 700]), prior.text(["a", "b"])
    said = prior.predict_noise(noisy, times, text)
    alpha = prior.alphas_cumprod[times][:, None, None, None]
    noise = velocity.predict_noise(noisy, times, text)
    picture = (noisy - (1 - alpha).sqrt() * noise) / alpha.sqrt()
    torch.testing.assert_close(alpha.sqrt() * noise - (1 - alpha).sqrt() * picture, said, atol=1e-4, rtol=1e-4)


def test_what_is_missing_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(AdaptationError, match=r"holds no model_index\.json"):
        load_prior("stable-diffusion", PriorPlace(folder=tmp_path))
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    with pytest.raises(AdaptationError, match="cannot be read"):
        load_prior("stable-diffusion", PriorPlace(folder=tmp_path))
