# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.adaptation.errors import AdaptationError
from backend.adaptation.prior import PicturePrior, PriorPlace, load_prior, noised
from backend.adaptation.studio_prior import StudioPrior
from backend.models.look_denoiser import IMAGINED_SCALE, IMAGINED_SIDE, Known
from backend.weights.looks import LOOKS, LookModel, LookModelConfig, save_looks


def _model() -> LookModel:
    torch.manual_seed(0)
    model = LookModel.build(LookModelConfig.tiny())
    for parameter in model.network.parameters():
        if not bool(parameter.any()):  # what starts at zero would say nothing
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def test_a_saved_model_is_a_picture_prior(tmp_path: Path) -> None:
    save_looks(_model(), tmp_path / LOOKS.name)
    prior = load_prior("studio", PriorPlace(folder=tmp_path))
    assert isinstance(prior, PicturePrior) and isinstance(prior, StudioPrior)
    shares = prior.alphas_cumprod
    assert len(shares) == 1000 and bool((shares.diff() <= 0).all()) and 0 < float(shares[-1]) < float(shares[0]) < 1
    assert prior.unknown("a bronze quux") == ["quux"]
    pictures = torch.zeros(1, 3, 16, 16, requires_grad=True)
    assert prior.encode(pictures).requires_grad and prior.encode(pictures).shape == (1, 3, 8, 8)
    assert prior.decode(prior.encode(pictures)).shape == pictures.shape and len(prior.fingerprint) == 16


def test_noise_and_the_clean_picture_that_the_network_sees_explain_the_noisy_one() -> None:
    model = _model()
    prior = StudioPrior(model, "x", torch.device("cpu"))
    prior._half = False
    random = torch.Generator().manual_seed(1)
    picture, noise = torch.rand(2, 3, 16, 16, generator=random) * 2 - 1, torch.randn(2, 3, 16, 16, generator=random)
    times = torch.tensor([100, 800])
    noisy = noised(picture, times, noise, prior.alphas_cumprod)
    said = prior.text(["a bronze statue", ""])
    found = prior.predict_noise(noisy, times, said)
    share = prior.alphas_cumprod[times]
    sigma = (1 - share).sqrt()
    x0 = model.network(noisy, sigma, said, Known.nothing(2, 16, IMAGINED_SCALE))
    level = share[:, None, None, None]
    assert torch.allclose(level.sqrt() * x0 + (1 - level).sqrt() * found, noisy, atol=1e-4)
    other = prior.predict_noise(noisy, times, prior.text(["a marble statue", "a woman"]))
    assert not torch.allclose(other[0], found[0], atol=1e-6)


def test_the_shipped_prior_knows_what_things_are_made_of() -> None:
    """What it sees in nothing but noise: heads of gold are yellow, of lava dark, of ice bluish and light."""
    prior = load_prior("studio")
    noise = torch.randn(6, 3, IMAGINED_SIDE, IMAGINED_SIDE, generator=torch.Generator().manual_seed(0))
    times = torch.full((6,), 999)
    share = prior.alphas_cumprod[times][:, None, None, None]

    def colour(sentence: str) -> tuple[float, float, float]:
        found = prior.predict_noise(noise, times, prior.text([sentence] * 6))
        seen = (noise - (1 - share).sqrt() * found) / share.sqrt()
        red, green, blue = (seen[:, :, 12:28, 10:22].mean((0, 2, 3)) / 2 + 0.5).tolist()
        return red, green, blue

    gold, lava, ice = (colour(sentence) for sentence in ("a golden statue", "a head made of lava", "a bust of ice"))
    assert gold[0] > gold[2] + 0.25
    assert sum(lava) < sum(gold) - 0.4 and sum(lava) < sum(ice) - 0.4
    assert ice[2] > ice[0] + 0.05


def test_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(AdaptationError, match="missing"):
        load_prior("studio", PriorPlace(folder=tmp_path))
